/** The way everybody came in the last seconds. */

import { type Context, type Place, placeX, placeY } from "./draw";
import { type Look, css, identity } from "./look";
import type { Pose } from "./motion";

const SPAN = 2500; // ms
const WIDTH = 4.5; // pixels of the page, at the near end

interface Step {
  readonly at: number;
  readonly x: number;
  readonly y: number;
}

export class Trails {
  readonly #ways = new Map<number, Step[]>();

  clear(): void {
    this.#ways.clear();
  }

  /** Take a step of everybody who has an id. */
  add(poses: readonly Pose[], look: Look, time: number, score: number): void {
    for (const pose of poses) {
      const step = pose.id === null || pose.score < score ? null : middleOf(pose, look, score);
      if (!step) continue;
      const way = this.#ways.get(pose.id!) ?? [];
      if ((way.at(-1)?.at ?? -1) < time) way.push({ at: time, ...step });
      this.#ways.set(pose.id!, way);
    }
    this.#forget(time);
  }

  draw(ctx: Context, place: Place, time: number, density: number): void {
    for (const [id, way] of this.#ways) {
      this.#stroke(ctx, place, way, time, "rgb(12 14 20)", WIDTH * density + 2 * density);
      this.#stroke(ctx, place, way, time, css(identity(id)), WIDTH * density);
    }
  }

  #stroke(ctx: Context, place: Place, way: readonly Step[], time: number, style: string, width: number): void {
    ctx.strokeStyle = style;
    for (let i = 1; i < way.length; i++) {
      const share = 1 - (time - way[i]!.at) / SPAN;
      if (share <= 0) continue;
      ctx.globalAlpha = share;
      ctx.lineWidth = width * (0.35 + 0.65 * share);
      ctx.beginPath();
      ctx.moveTo(placeX(place, way[i - 1]!.x), placeY(place, way[i - 1]!.y));
      ctx.lineTo(placeX(place, way[i]!.x), placeY(place, way[i]!.y));
      ctx.stroke();
    }
    ctx.globalAlpha = 1;
  }

  #forget(time: number): void {
    for (const [id, way] of this.#ways) {
      while (way.length > 0 && time - way[0]!.at > SPAN) way.shift();
      if (way.length === 0) this.#ways.delete(id);
    }
  }
}

/** The middle of the shoulders, a hand's wrist, or the middle of all that is seen. */
function middleOf(pose: Pose, look: Look, score: number): { x: number; y: number } | null {
  const seen = (k: number) => !Number.isNaN(pose.points[3 * k]) && pose.points[3 * k + 2]! >= score;
  const columns = look.anchors.length > 0 ? look.anchors : [...look.points.keys()].filter(seen);
  if (columns.length === 0 || !columns.every(seen)) return null;
  const mean = (axis: number) => columns.reduce((sum, k) => sum + pose.points[3 * k + axis]!, 0) / columns.length;
  return { x: mean(0), y: mean(1) };
}
