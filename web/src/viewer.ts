/** Shows a source and what is found in it: draws at display rate, between one result and the next. */

import { type Scene, compose } from "./compose";
import type { Context } from "./draw";
import { type Look, lookOf } from "./look";
import { Motion } from "./motion";
import { Pictures } from "./pictures";
import type { Detection, Result, Skeleton } from "./protocol";
import { Lag, Rate } from "./rates";
import type { Sender, Sent } from "./sender";
import type { Settings, Store } from "./settings";
import { type Moving, type Source, everyFrame, play } from "./sources";
import { Trails } from "./trails";

const LOOKS = 2; // who comes into a stream is told of when found twice

/** Another canvas that gets every picture, too. */
export type Copy = { readonly context: Context } | null;

export class Viewer {
  readonly lag = new Lag();
  readonly rate = new Rate();
  /** Instances drawn last. */
  drawn = 0;
  copy: Copy = null;
  #source: Source | null = null;
  #look: Look | null = null;
  #frozenAt: number | null = null;
  /** How often the picture that is held has yet to be looked at. */
  #looks = 0;
  /** When the newest frame that was sent was grabbed. */
  #sentAt = -Infinity;
  /** When the place in the video was changed last: what comes of frames from before belongs to another picture. */
  #movedAt = -Infinity;
  #stopFrames = () => {};
  readonly #motion = new Motion();
  readonly #pictures = new Pictures();
  readonly #trails = new Trails();
  readonly #context: CanvasRenderingContext2D;

  constructor(
    private readonly canvas: HTMLCanvasElement,
    private readonly store: Store,
    private readonly sender: Sender,
  ) {
    this.#context = canvas.getContext("2d")!;
    requestAnimationFrame(() => this.#frame());
  }

  get source(): Source | null {
    return this.#source;
  }

  get frozen(): boolean {
    return this.#frozenAt !== null;
  }

  /** Width and height of the source in pixels. */
  get size(): [width: number, height: number] {
    const source = this.#source;
    if (!source) return [0, 0];
    if (source.kind === "picture") return [source.bitmap.width, source.bitmap.height];
    return [source.video.videoWidth, source.video.videoHeight];
  }

  show(source: Source | null): void {
    this.#stopFrames();
    this.#source?.close();
    this.#source = source;
    this.#frozenAt = null;
    this.forget();
    this.#pictures.clear();
    if (source && source.kind !== "picture") this.#follow(source);
  }

  /** Begin anew with another skeleton, or with people whose ids begin anew. */
  greet(skeleton: Skeleton): void {
    this.#look = lookOf(skeleton);
    this.forget();
    this.#looks = this.frozen ? 1 : 0;
  }

  forget(): void {
    this.#motion.clear();
    this.#trails.clear();
    this.lag.clear();
    this.rate.clear();
    this.drawn = 0;
  }

  /** Take a result for the frame that was grabbed at a time. */
  add(result: Result, grabbed: number): void {
    const now = performance.now();
    if (grabbed < this.#movedAt) return;
    if (!this.frozen) this.lag.add(now, now - grabbed);
    this.rate.add(now);
    this.#motion.add(result, grabbed, now - grabbed);
  }

  /** Take what was found in a picture. */
  found(detection: Detection): void {
    this.greet(detection.skeleton);
    this.#motion.add(detection, performance.now());
  }

  freeze(): void {
    const source = this.#source;
    if (!source || source.kind === "picture") return;
    const time = this.#shownTime(performance.now());
    if (!this.#pictures.at(time)) this.#pictures.add(source.video, time, 0);
    this.#frozenAt = time;
    this.#looks = this.#pictures.at(time)!.at > this.#sentAt ? LOOKS : 0;
    if (source.kind === "video") source.video.pause();
  }

  thaw(): void {
    this.#frozenAt = null;
    this.#trails.clear();
    if (this.#source?.kind === "video") play(this.#source.video);
  }

  /** Have the picture that is held looked at, as soon as a frame can be sent. */
  #lookAtHeld(): void {
    const held = this.#frozenAt === null ? null : this.#pictures.at(this.#frozenAt);
    if (held && this.#looks > 0 && this.sender.free(performance.now())) this.#send(held.canvas, held);
  }

  /** Hold one picture of a paused video, after its place was changed. */
  #hold(video: HTMLVideoElement): void {
    const now = performance.now();
    this.forget();
    this.#pictures.clear();
    this.#pictures.add(video, now, 0);
    this.#frozenAt = now;
    this.#looks = LOOKS;
  }

  #follow(source: Moving): void {
    const { video } = source;
    const stop = everyFrame(video, (now) => {
      if (!this.frozen) this.#grab(video, now);
    });
    const seeked = () => this.frozen && this.#hold(video);
    const seeking = () => {
      this.#movedAt = performance.now();
      this.forget();
      this.#pictures.clear();
    };
    video.addEventListener("seeking", seeking);
    video.addEventListener("seeked", seeked);
    this.#stopFrames = () => {
      stop();
      video.removeEventListener("seeking", seeking);
      video.removeEventListener("seeked", seeked);
    };
  }

  #grab(video: HTMLVideoElement, now: number): void {
    this.#pictures.add(video, now, this.lag.value);
    this.#send(video, { at: now, seconds: video.currentTime });
  }

  #send(picture: HTMLVideoElement | HTMLCanvasElement, { at, seconds }: Sent): void {
    if (!this.sender.offer(picture, this.store.now.size, { at, seconds })) return;
    this.#sentAt = at;
    this.#looks--;
  }

  #frame(): void {
    requestAnimationFrame(() => this.#frame());
    this.#fit();
    this.#lookAtHeld();
    const scene = this.#scene(performance.now());
    if (!scene) return;
    this.drawn = compose(this.#context, scene);
    if (this.drawn > 0 && performance.getEntriesByName("first-overlay").length === 0) performance.mark("first-overlay");
    this.canvas.dataset.drawn = `${this.drawn}`;
    if (this.copy)
      compose(this.copy.context, { ...scene, marks: { ...scene.marks, density: this.#density(this.copy) } });
  }

  /** Lines and letters of a recorded picture are as large as they would be on a screen of 960 pixels. */
  #density(copy: NonNullable<Copy>): number {
    return Math.max(1, Math.max(copy.context.canvas.width, copy.context.canvas.height) / 960);
  }

  #fit(): void {
    const [width, height] = [this.canvas.clientWidth, this.canvas.clientHeight].map((side) =>
      Math.round(side * devicePixelRatio),
    );
    if (this.canvas.width !== width || this.canvas.height !== height) {
      this.canvas.width = width!;
      this.canvas.height = height!;
    }
  }

  #shownTime(now: number): number {
    return this.#frozenAt ?? now - this.lag.value;
  }

  #scene(now: number): Scene | null {
    const [source, settings] = [this.#source, this.store.now];
    if (!source) return null;
    const time = this.#shownTime(now);
    const picture = this.#picture(source, settings, now, time);
    if (!picture) return null;
    const [width, height] = this.size;
    const poses = this.#motion.at(time, this.#still(source));
    if (this.#look && !this.frozen) this.#trails.add(poses, this.#look, time, settings.score);
    return {
      ...{ picture, width, height, poses, time, look: this.#look, trails: this.#trails, beside: settings.beside },
      mirrored: source.kind === "camera" && source.selfie && settings.mirror,
      marks: { ids: settings.ids, trails: settings.trails, score: settings.score, density: devicePixelRatio },
    };
  }

  #still(source: Source): boolean {
    return this.frozen || source.kind === "picture" || (source.kind === "video" && source.video.paused);
  }

  #picture(source: Source, settings: Settings, now: number, time: number): CanvasImageSource | null {
    if (source.kind === "picture") return source.bitmap;
    if (this.frozen || settings.inStep) return this.#pictures.at(time)?.canvas ?? source.video;
    this.#pictures.at(now - this.lag.value);
    return source.video;
  }
}
