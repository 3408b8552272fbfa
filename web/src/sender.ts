/** Takes frames of a video, makes JPEGs of them and sends them, never more than two at a time. */

import type { Stream } from "./stream";

const IN_FLIGHT = 2;
const PATIENCE = 10_000; // ms after which a frame without an answer is given up
const QUALITY = 0.82;
const CONGESTED = 400_000; // bytes that the network has not taken yet

export interface Sent {
  /** When the frame was grabbed, in milliseconds of this page. */
  readonly at: number;
  /** Its place in the video, in seconds; those who seek may go back. */
  readonly seconds: number;
}

type Picture = HTMLVideoElement | HTMLCanvasElement;

function sizeOf(picture: Picture): [width: number, height: number] {
  return "videoWidth" in picture ? [picture.videoWidth, picture.videoHeight] : [picture.width, picture.height];
}

export class Sender {
  /** Frames that came while two were on their way. */
  skipped = 0;
  readonly #sent = new Map<number, Sent>();
  readonly #canvas = document.createElement("canvas");
  #next = 0;
  #encoding = false;

  constructor(private readonly stream: Stream) {}

  /** Forget what is on its way: the line is another one, or the source. */
  reset(): void {
    this.#sent.clear();
    this.skipped = 0;
  }

  /** Whether the server keeps up, so that a frame would be sent. */
  free(now: number): boolean {
    this.#giveUp(now);
    const busy = this.#encoding || this.#sent.size >= IN_FLIGHT || this.stream.waiting > CONGESTED;
    return this.stream.ready && !busy;
  }

  /** Send a frame if the server keeps up, else skip it; tells whether it goes. */
  offer(picture: Picture, longestSide: number, sent: Sent): boolean {
    if (!this.stream.ready) return false;
    const now = performance.now(); // the time of the stream, which rises even if one picture is sent twice
    if (!this.free(now)) {
      this.skipped++;
      return false;
    }
    const id = this.#next++;
    this.#sent.set(id, sent);
    this.#encoding = true;
    this.#paint(picture, longestSide);
    this.#canvas.toBlob((blob) => this.#send(id, now / 1000, blob), "image/jpeg", QUALITY);
    return true;
  }

  /** When the frame of an answer was grabbed. Frames before it were dropped by the server: they are done, too. */
  answered(id: number): Sent | undefined {
    const sent = this.#sent.get(id);
    for (const earlier of this.#sent.keys()) if (earlier <= id) this.#sent.delete(earlier);
    return sent;
  }

  #paint(picture: Picture, longestSide: number): void {
    const [width, height] = sizeOf(picture);
    const scale = Math.min(1, longestSide / Math.max(width, height));
    this.#canvas.width = Math.max(1, Math.round(width * scale));
    this.#canvas.height = Math.max(1, Math.round(height * scale));
    const context = this.#canvas.getContext("2d", { alpha: false })!;
    context.drawImage(picture, 0, 0, this.#canvas.width, this.#canvas.height);
  }

  #send(id: number, seconds: number, blob: Blob | null): void {
    this.#encoding = false;
    if (blob && this.stream.ready && this.#sent.has(id)) this.stream.send({ id, seconds }, blob);
    else this.#sent.delete(id);
  }

  #giveUp(now: number): void {
    for (const [id, { at }] of this.#sent) if (now - at > PATIENCE) this.#sent.delete(id);
  }
}
