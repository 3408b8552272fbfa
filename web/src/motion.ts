/** Where everybody is at any moment, between the moments at which the server looked. */

import type { Box, Instance, Result } from "./protocol";

const AHEAD = 80; // ms that a movement is carried on beyond the newest result
const STRIDE = 400; // ms; a speed taken over a longer gap says nothing
const HELD = 1000; // ms for which the newest result stands when nothing follows, beyond its age as it came
const FADE = 300; // ms in which it goes then
const KEPT = 4000; // ms of results that are kept

/** One instance, in shares of the picture's width and height; missing points are NaN. */
export interface Pose {
  readonly id: number | null;
  readonly label: string;
  readonly score: number;
  readonly box: Box | null;
  /** x, y and score of every keypoint, one after the other. */
  readonly points: Float32Array;
  readonly alpha: number;
}

interface Moment {
  readonly at: number;
  readonly poses: readonly Pose[];
}

/** Pixel centres are whole numbers, so the middle of the first pixel is half a pixel from the edge. */
export function posesOf(instances: readonly Instance[], size: readonly [number, number]): Pose[] {
  const [width, height] = size;
  return instances.map((instance) => ({
    id: instance.id,
    label: instance.label ?? "",
    score: instance.score,
    box: instance.box && shares(instance.box, width, height),
    points: Float32Array.from(
      instance.keypoints.flatMap((point) =>
        point ? [(point[0] + 0.5) / width, (point[1] + 0.5) / height, point[2]] : [NaN, NaN, 0],
      ),
    ),
    alpha: 1,
  }));
}

function shares(box: Box, width: number, height: number): Box {
  return [(box[0] + 0.5) / width, (box[1] + 0.5) / height, (box[2] + 0.5) / width, (box[3] + 0.5) / height];
}

export class Motion {
  #moments: Moment[] = [];
  #late = 0;

  get empty(): boolean {
    return this.#moments.length === 0;
  }

  get newest(): number {
    return this.#moments.at(-1)?.at ?? -Infinity;
  }

  /** Take what was found in the frame that was grabbed at a time in milliseconds, and came so much later.
   *
   * A second look at a frame stands in place of the first.
   */
  add(result: Pick<Result, "instances" | "size">, at: number, late = 0): void {
    if (at < this.newest) return;
    if (at === this.newest) this.#moments.pop();
    this.#late = late;
    this.#moments.push({ at, poses: posesOf(result.instances, result.size) });
    while (this.#moments.length > 2 && at - (this.#moments[0]?.at ?? at) > KEPT) this.#moments.shift();
  }

  clear(): void {
    this.#moments = [];
  }

  /** Poses at a time; `held` says that the picture stands still, and they stay. */
  at(time: number, held: boolean): Pose[] {
    const after = this.#moments.findIndex((moment) => moment.at > time);
    const newest = this.#moments.at(-1);
    if (!newest) return [];
    if (after < 0) return this.#beyond(newest, time - newest.at, held);
    const [a, b] = [this.#moments[after - 1], this.#moments[after]];
    if (!a || !b) return [...(b?.poses ?? [])];
    return between(a, b, (time - a.at) / (b.at - a.at));
  }

  #beyond(newest: Moment, ahead: number, held: boolean): Pose[] {
    if (held) return [...newest.poses];
    const before = this.#moments.at(-2);
    const alpha = Math.min(1, Math.max(0, 1 - (ahead - HELD - this.#late) / FADE));
    if (alpha === 0) return [];
    const stride = before ? newest.at - before.at : Infinity;
    const share = stride < STRIDE ? Math.min(ahead, AHEAD) / stride : 0;
    return newest.poses.map((pose) => {
      const earlier = share > 0 ? matching(pose, before?.poses ?? []) : undefined;
      return { ...(earlier ? mixed(earlier, pose, 1 + share) : pose), alpha };
    });
  }
}

function matching(pose: Pose, among: readonly Pose[]): Pose | undefined {
  return pose.id === null ? undefined : among.find((other) => other.id === pose.id);
}

/** Who is in both moves from one to the other; who is in one of them alone fades. */
function between(a: Moment, b: Moment, share: number): Pose[] {
  const going = a.poses
    .filter((pose) => !matching(pose, b.poses))
    .map((pose) => ({ ...pose, alpha: faded(pose, 1 - share) }));
  const staying = b.poses.map((pose) => {
    const earlier = matching(pose, a.poses);
    return earlier ? mixed(earlier, pose, share) : { ...pose, alpha: faded(pose, share) };
  });
  return [...going, ...staying].filter((pose) => pose.alpha > 0);
}

/** Without an id nobody knows who becomes whom: one picture is replaced by the other half-way. */
function faded(pose: Pose, alpha: number): number {
  return pose.id === null ? Math.round(alpha) : alpha;
}

/** The pose a share of the way from one to another; beyond 1 it is carried on. */
function mixed(a: Pose, b: Pose, share: number): Pose {
  const points = b.points.slice();
  for (let i = 0; i < points.length; i += 3) mixPoint(points, a.points, i, share);
  return { ...b, points, box: a.box && b.box && mixedBox(a.box, b.box, share), alpha: 1 };
}

/** A point that only one of them has keeps its place, and its score says how much it is there. */
function mixPoint(points: Float32Array, earlier: Float32Array, i: number, share: number): void {
  const known = Math.min(share, 1);
  const [x, y, score] = [earlier[i] ?? NaN, earlier[i + 1] ?? NaN, earlier[i + 2] ?? 0];
  if (Number.isNaN(x)) {
    points[i + 2]! *= known;
  } else if (Number.isNaN(points[i])) {
    points.set([x, y, score * (1 - known)], i);
  } else {
    points[i] = x + (points[i]! - x) * share;
    points[i + 1] = y + (points[i + 1]! - y) * share;
    points[i + 2] = score + (points[i + 2]! - score) * known;
  }
}

function mixedBox(a: Box, b: Box, share: number): Box {
  const [x1, y1, x2, y2] = a.map((from, side) => from + (b[side]! - from) * share);
  return [x1!, y1!, x2!, y2!];
}
