/** Puts a picture and what is drawn over it on a canvas, alone or beside the plain picture. */

import { type Context, type Marks, type Place, drawPoses } from "./draw";
import type { Look } from "./look";
import type { Pose } from "./motion";
import type { Trails } from "./trails";

const GAP = 8; // pixels of the page between the two pictures

export interface Scene {
  readonly picture: CanvasImageSource;
  readonly width: number;
  readonly height: number;
  readonly mirrored: boolean;
  readonly beside: boolean;
  readonly poses: readonly Pose[];
  readonly look: Look | null;
  readonly marks: Marks;
  readonly trails: Trails;
  readonly time: number;
}

/** Draw a scene as large as a canvas allows; gives the number of instances drawn. */
export function compose(ctx: Context, scene: Scene): number {
  const { width, height } = ctx.canvas;
  ctx.clearRect(0, 0, width, height);
  const places = placesOf(scene, width, height);
  for (const place of places) drawPicture(ctx, scene.picture, place);
  const last = places.at(-1)!;
  if (!scene.look) return 0;
  return drawPoses(ctx, last, scene.poses, scene.look, scene.marks, scene.trails, scene.time);
}

function placesOf(scene: Scene, width: number, height: number): Place[] {
  const { mirrored } = scene;
  if (!scene.beside) return [fitted(scene, 0, 0, width, height, mirrored)];
  const gap = GAP * scene.marks.density;
  const [half, low] = [(width - gap) / 2, (height - gap) / 2];
  const across = Math.min(half / scene.width, height / scene.height);
  const down = Math.min(width / scene.width, low / scene.height);
  return across >= down
    ? [fitted(scene, 0, 0, half, height, mirrored), fitted(scene, half + gap, 0, half, height, mirrored)]
    : [fitted(scene, 0, 0, width, low, mirrored), fitted(scene, 0, low + gap, width, low, mirrored)];
}

function fitted(scene: Scene, x: number, y: number, width: number, height: number, mirrored: boolean): Place {
  const scale = Math.min(width / scene.width, height / scene.height);
  const [w, h] = [scene.width * scale, scene.height * scale];
  return { x: x + (width - w) / 2, y: y + (height - h) / 2, width: w, height: h, mirrored };
}

function drawPicture(ctx: Context, picture: CanvasImageSource, place: Place): void {
  ctx.save();
  if (place.mirrored) {
    ctx.translate(2 * place.x + place.width, 0);
    ctx.scale(-1, 1);
  }
  ctx.drawImage(picture, place.x, place.y, place.width, place.height);
  ctx.restore();
}
