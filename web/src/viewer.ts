/** Shows a source and what is found in it: draws at display rate, between one result and the next. */

import { type Scene, compose } from "./compose";
import type { Context } from "./draw";
import { type Look, lookOf } from "./look";
import { Motion } from "./motion";
import { Pictures } from "./pictures";
import type { Detection, Result, Skeleton } from "./protocol";
import { Lag, Rate } from "./rates";
import type { Sender } from "./sender";
import type { Settings, Store } from "./settings";
import { type Moving, type Source, everyFrame } from "./sources";
import { Trails } from "./trails";

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
    this.#frozenAt = this.#shownTime(performance.now());
    if (this.#source?.kind === "video") this.#source.video.pause();
  }

  thaw(): void {
    this.#frozenAt = null;
    this.#trails.clear();
    if (this.#source?.kind === "video") void this.#source.video.play();
  }

  /** Look at the frozen picture once more. */
  lookAgain(): void {
    const picture = this.#frozenAt === null ? null : this.#pictures.at(this.#frozenAt);
    const seconds = this.#source?.kind === "video" ? this.#source.video.currentTime : 0;
    if (picture) this.sender.offer(picture, this.store.now.size, { at: this.#frozenAt!, seconds });
  }

  /** Look at one picture of a paused video, after its place was changed. */
  #lookAt(video: HTMLVideoElement): void {
    const now = performance.now();
    this.forget();
    this.#pictures.clear();
    this.#grab(video, now);
    this.#frozenAt = now;
  }

  #follow(source: Moving): void {
    const { video } = source;
    const stop = everyFrame(video, (now) => {
      if (!this.frozen) this.#grab(video, now);
    });
    const seeked = () => this.frozen && this.#lookAt(video);
    const seeking = () => {
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
    this.sender.offer(video, this.store.now.size, { at: now, seconds: video.currentTime });
  }

  #frame(): void {
    requestAnimationFrame(() => this.#frame());
    this.#fit();
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
    if (this.frozen) return this.#pictures.at(time) ?? source.video;
    if (settings.inStep) return this.#pictures.at(time) ?? source.video;
    this.#pictures.at(now - this.lag.value);
    return source.video;
  }
}
