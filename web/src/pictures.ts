/** The pictures of the last moments, so that the overlay can be shown over the very picture it was found in. */

const MOST = 24;
const LONGEST_SIDE = 1280;

export interface Kept {
  readonly canvas: HTMLCanvasElement;
  readonly at: number;
  /** Its place in the video, in seconds. */
  readonly seconds: number;
}

export class Pictures {
  #kept: Kept[] = [];
  #spare: HTMLCanvasElement[] = [];

  /** Copy a video's picture that was taken at a time; `span` is how many milliseconds have to be bridged. */
  add(video: HTMLVideoElement, at: number, span: number): void {
    if (at - (this.#kept.at(-1)?.at ?? -Infinity) < span / (MOST - 4)) return;
    const oldest = this.#kept.length >= MOST ? this.#kept.shift()?.canvas : this.#spare.pop();
    const canvas = oldest ?? document.createElement("canvas");
    const scale = Math.min(1, LONGEST_SIDE / Math.max(video.videoWidth, video.videoHeight));
    const [width, height] = [Math.round(video.videoWidth * scale), Math.round(video.videoHeight * scale)];
    if (canvas.width !== width || canvas.height !== height) Object.assign(canvas, { width, height });
    canvas.getContext("2d", { alpha: false })!.drawImage(video, 0, 0, width, height);
    this.#kept.push({ canvas, at, seconds: video.currentTime });
  }

  /** The newest picture that is not newer than a time, else the oldest; older ones are let go. */
  at(time: number): Kept | null {
    while (this.#kept.length > 1 && this.#kept[1]!.at <= time) this.#spare.push(this.#kept.shift()!.canvas);
    return this.#kept[0] ?? null;
  }

  clear(): void {
    this.#spare.push(...this.#kept.map((kept) => kept.canvas));
    this.#kept = [];
  }
}
