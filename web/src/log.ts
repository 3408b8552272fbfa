/** Everything that was found since the source or the model changed, and the files it is saved as.
 *
 * Both files have the form of the Python package: `pinpoint.read_records` reads them.
 */

import type { Instance, Result, Skeleton } from "./protocol";

const MOST = 20_000; // frames; beyond that the oldest go

interface Line {
  readonly index: number;
  readonly at: number;
  readonly seconds: number | null;
  readonly size: Size;
  readonly instances: readonly Instance[];
}

export class Log {
  #lines: Line[] = [];
  #skeleton: Skeleton | null = null;
  #source = "";
  #count = 0;

  get length(): number {
    return this.#lines.length;
  }

  begin(source: string, skeleton: Skeleton): void {
    this.#lines = [];
    this.#count = 0;
    this.#source = source;
    this.#skeleton = skeleton;
  }

  /** Add what was found in a frame, in pixels of its source, of which a smaller picture may have been sent.
   *
   * A second look at the frame of some time stands in place of the first.
   */
  add(result: Pick<Result, "size" | "instances">, { at, seconds }: When, size: Size): void {
    const instances = result.instances.map((instance) => scaled(instance, result.size, size));
    if (this.#lines.at(-1)?.at === at) this.#count = this.#lines.pop()!.index;
    this.#lines.push({ index: this.#count++, at, seconds, size, instances });
    if (this.#lines.length > MOST) this.#lines.shift();
  }

  json(): Blob | null {
    const skeleton = this.#skeleton;
    if (!skeleton) return null;
    const head = { format: "pinpoint-keypoints", version: 1, skeleton: plain(skeleton) };
    const records = this.#lines.map((line) => JSON.stringify({ image: this.#source, ...record(line) }));
    const opening = JSON.stringify(head).slice(0, -1);
    return new Blob([`${opening}, "records": [\n${records.join(",\n")}\n]}\n`], { type: "application/json" });
  }

  csv(): Blob | null {
    const skeleton = this.#skeleton;
    if (!skeleton) return null;
    const points = skeleton.keypoints.flatMap((name) => [`${name}_x`, `${name}_y`, `${name}_score`]);
    const rows = this.#lines.flatMap((line) => rowsOf(line, this.#source, skeleton));
    const text = [[...FIRST, ...points, "skeleton"], ...rows].map((row) => row.map(cell).join(","));
    return new Blob([text.join("\r\n"), "\r\n"], { type: "text/csv" });
  }
}

interface When {
  /** When the frame was grabbed, in milliseconds of this page. */
  readonly at: number;
  /** Its place in the video, in seconds. */
  readonly seconds: number | null;
}

type Size = readonly [width: number, height: number];

/** Pixel centres are whole numbers, so it is their edges that are scaled. */
function scaled(instance: Instance, from: Size, to: Size): Instance {
  if (from[0] === to[0] && from[1] === to[1]) return instance;
  const x = (value: number) => hundredths(((value + 0.5) * to[0]) / from[0] - 0.5);
  const y = (value: number) => hundredths(((value + 0.5) * to[1]) / from[1] - 0.5);
  const { box, keypoints } = instance;
  return {
    ...instance,
    box: box && [x(box[0]), y(box[1]), x(box[2]), y(box[3])],
    keypoints: keypoints.map((point) => point && [x(point[0]), y(point[1]), point[2]]),
  };
}

function hundredths(value: number): number {
  return Math.round(value * 100) / 100;
}

const FIRST = [
  ...["image", "width", "height", "index", "seconds", "instance", "label", "track_id"],
  ...["box_x1", "box_y1", "box_x2", "box_y2", "score", "area"],
];

type Cell = string | number | null | undefined;

/** A skeleton in names, as the Python package writes it; what mirrors what is told by the names. */
function plain(skeleton: Skeleton) {
  const names = skeleton.keypoints;
  const swaps = names
    .filter((name) => name.includes("left") && names.includes(name.replace("left", "right")))
    .map((name) => [name, name.replace("left", "right")]);
  const edges = skeleton.edges.map(([a, b]) => [names[a], names[b]]);
  return { name: skeleton.name, keypoints: names, edges, swaps };
}

function record({ index, seconds, size, instances }: Line) {
  const tracked = instances.some(({ id }) => id !== null);
  const boxed = instances.some(({ box }) => box);
  const labelled = instances.some(({ label }) => label);
  return {
    size,
    index,
    seconds,
    xy: instances.map(({ keypoints }) => keypoints.map((point) => (point ? [point[0], point[1]] : [null, null]))),
    scores: instances.map(({ keypoints }) => keypoints.map((point) => point?.[2] ?? 0)),
    ...(boxed && { boxes: instances.map(({ box }) => box ?? [null, null, null, null]) }),
    ...(instances.length > 0 && { box_scores: instances.map(({ score }) => score) }),
    ...(tracked && { track_ids: instances.map(({ id }) => id ?? -1) }),
    ...(labelled && { labels: instances.map(({ label }) => label ?? "") }),
  };
}

function rowsOf(line: Line, source: string, skeleton: Skeleton): Cell[][] {
  const start: Cell[] = [source, line.size[0], line.size[1], line.index, line.seconds];
  if (line.instances.length === 0) {
    const width = FIRST.length - start.length + 3 * skeleton.keypoints.length;
    return [[...start, ...Array<Cell>(width).fill(null), skeleton.name]];
  }
  return line.instances.map(({ id, score, box, label, keypoints }, number) => [
    ...start,
    ...[number, label, id, ...(box ?? [null, null, null, null]), score, null],
    ...keypoints.flatMap((point) => point ?? [null, null, 0]),
    skeleton.name,
  ]);
}

function cell(value: Cell): string {
  const text = `${value ?? ""}`;
  return /[",\r\n]/.test(text) ? `"${text.replaceAll('"', '""')}"` : text;
}
