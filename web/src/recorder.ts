/** Records a canvas as a video. */

const TYPES = ["video/mp4;codecs=avc1.640028", "video/webm;codecs=vp9", "video/webm;codecs=vp8", "video/webm"];
const RATE = 30;
const BITS_PER_PIXEL = 0.12;
const LARGEST = 1920;

export class Recorder {
  readonly canvas = document.createElement("canvas");
  readonly started = performance.now();
  readonly #chunks: Blob[] = [];
  readonly #media: MediaRecorder;

  /** Begin to record pictures of some size; a side is at most 1920 pixels, and even, as codecs want it. */
  constructor(width: number, height: number) {
    const scale = Math.min(1, LARGEST / Math.max(width, height));
    this.canvas.width = 2 * Math.round((width * scale) / 2);
    this.canvas.height = 2 * Math.round((height * scale) / 2);
    this.context.fillRect(0, 0, this.canvas.width, this.canvas.height);
    const mimeType = TYPES.find((type) => MediaRecorder.isTypeSupported(type));
    this.#media = new MediaRecorder(this.canvas.captureStream(RATE), {
      ...(mimeType && { mimeType }),
      videoBitsPerSecond: BITS_PER_PIXEL * RATE * this.canvas.width * this.canvas.height,
    });
    this.#media.ondataavailable = (event) => this.#chunks.push(event.data);
    this.#media.start(1000);
  }

  static get possible(): boolean {
    return "MediaRecorder" in window && "captureStream" in HTMLCanvasElement.prototype;
  }

  get context(): CanvasRenderingContext2D {
    return this.canvas.getContext("2d", { alpha: false })!;
  }

  get seconds(): number {
    return (performance.now() - this.started) / 1000;
  }

  get suffix(): string {
    return this.#media.mimeType.includes("mp4") ? "mp4" : "webm";
  }

  async stop(): Promise<Blob> {
    const stopped = new Promise((resolve) => this.#media.addEventListener("stop", resolve, { once: true }));
    this.#media.stop();
    await stopped;
    for (const track of this.#media.stream.getTracks()) track.stop();
    return new Blob(this.#chunks, { type: this.#media.mimeType.split(";")[0]! });
  }
}
