/** The way everybody came in the last seconds. */

import { type Context, type Place, placeX, placeY } from "./draw";
import { type Look, css, identity } from "./look";
import type { Pose } from "./motion";

const SPAN = 2500; // ms
const WIDTH = 3.5; // pixels of the page, at the near end

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
      ctx.strokeStyle = css(identity(id));
      for (let i = 1; i < way.length; i++) {
        const share = 1 - (time - way[i]!.at) / SPAN;
        if (share <= 0) continue;
        ctx.globalAlpha = 0.85 * share;
        ctx.lineWidth = WIDTH * density * (0.3 + 0.7 * share);
        ctx.beginPath();
        ctx.moveTo(placeX(place, way[i - 1]!.x), placeY(place, way[i - 1]!.y));
        ctx.lineTo(placeX(place, way[i]!.x), placeY(place, way[i]!.y));
        ctx.stroke();
      }
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

/** The middle of the trunk, of a hand's wrist, or of all that is seen. */
function middleOf(pose: Pose, look: Look, score: number): { x: number; y: number } | null {
  let [x, y, count] = [0, 0, 0];
  for (const k of look.anchors) {
    if (Number.isNaN(pose.points[3 * k]) || pose.points[3 * k + 2]! < score) continue;
    x += pose.points[3 * k]!;
    y += pose.points[3 * k + 1]!;
    count++;
  }
  return count > 0 ? { x: x / count, y: y / count } : null;
}
