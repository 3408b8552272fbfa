/** What the page does: opens sources, keeps the line to the server, saves files, says how things stand. */

import { type Choice, Refused, Unreachable, detect, keepToken, models, probe } from "./api";
import { save, stem } from "./files";
import { Log } from "./log";
import { type Problem, broken, insecure, ofCamera, ofFile, ofServer, refused, tokenless } from "./problems";
import type { Catalogue, Detection, Hello, Result, Skeleton } from "./protocol";
import { Recorder } from "./recorder";
import { Sender } from "./sender";
import type { Store } from "./settings";
import { type Source, isPicture, openCamera, openPicture, openVideo, play } from "./sources";
import { Stream } from "./stream";
import { Viewer } from "./viewer";

const LOADING = 1500; // ms after which a greeting is late because a model is being loaded
const PAUSE = 3000; // ms between two questions to a server that is gone

export type State =
  | "ready"
  | "opening"
  | "connecting"
  | "live"
  | "frozen"
  | "looking"
  | "found"
  | "reconnecting"
  | "stopped"
  | "offline";

/** What the page around shows of the app. */
export interface Face {
  state(state: State, words: string): void;
  problem(problem: Problem | null): void;
  catalogue(catalogue: Catalogue): void;
  source(source: Source | null): void;
  recording(recording: boolean): void;
  askForToken(wrong: boolean): void;
}

export class App {
  readonly viewer: Viewer;
  readonly log = new Log();
  readonly sender: Sender;
  recorder: Recorder | null = null;
  /** Frames that the server dropped since the source or the line changed. */
  dropped = 0;
  #catalogue: Catalogue | null = null;
  #opening = 0;
  #detecting = new AbortController();
  #logged = "";
  #firstId = 0;
  #lastId = -1;
  #patience = 0;
  #reason = "";
  #now: { readonly state: State; readonly words: string } = { state: "ready", words: "Ready" };
  #before = this.#now; // what went on when a source that may fail was opened, and goes on then
  readonly #stream: Stream;

  constructor(
    canvas: HTMLCanvasElement,
    private readonly store: Store,
    private readonly face: Face,
  ) {
    this.#stream = new Stream({
      connecting: () => this.#connecting(),
      hello: (hello) => this.#greeted(hello),
      result: (result) => this.#result(result),
      complaint: ({ id, message }) => this.#complaint(id, message),
      lost: (before, pause) => void this.#lost(before, pause),
      ended: (reason) => this.#ended(refused(reason)),
    });
    this.sender = new Sender(this.#stream);
    this.viewer = new Viewer(canvas, store, this.sender);
    store.listen((_, changed) => {
      if (changed === "task" || changed === "models") this.look();
    });
  }

  get choice(): Choice {
    const { task, models: chosen } = this.store.now;
    const model = chosen[task] ?? "";
    if (!this.#catalogue) return { task, model };
    const names = this.#catalogue.models.filter((one) => one.task === task).map((one) => one.name);
    const usual = task in this.#catalogue.tasks ? "" : (names[0] ?? ""); // users' own tasks have models alone
    return { task, model: names.includes(model) ? model : usual };
  }

  /** Ask what the server can do, until it answers. */
  async start(): Promise<void> {
    try {
      this.#catalogue = await models();
      this.face.catalogue(this.#catalogue);
      if (!this.viewer.source) this.#say("ready", "Ready");
      this.face.problem(null);
    } catch (error) {
      if (error instanceof Refused && error.status === 401) return this.#askForToken();
      this.#say("offline", "Server gone");
      this.face.problem(ofServer(error));
      setTimeout(() => void this.start(), PAUSE);
    }
  }

  async token(value: string): Promise<void> {
    keepToken(value);
    try {
      this.#catalogue = await models();
      this.face.catalogue(this.#catalogue);
      this.#say("ready", "Ready");
      this.face.problem(null);
      this.look();
    } catch (error) {
      if (error instanceof Refused && error.status === 401) this.face.askForToken(true);
      else this.face.problem(ofServer(error));
    }
  }

  async camera(deviceId = ""): Promise<void> {
    if (!window.isSecureContext || !navigator.mediaDevices) return this.face.problem(insecure());
    await this.#open(() => openCamera(deviceId), ofCamera);
  }

  async file(file: File): Promise<void> {
    await this.#open(() => (isPicture(file) ? openPicture(file, file.name) : openVideo(file)), ofFile);
  }

  /** Close what is shown. */
  async stop(): Promise<void> {
    await this.#finishRecording();
    this.#opening++;
    clearTimeout(this.#patience);
    this.#stream.close();
    this.#detecting.abort();
    this.viewer.show(null);
    this.face.source(null);
    this.face.problem(null);
    this.#say("ready", "Ready");
  }

  /** Look at what is shown with the chosen model. */
  look(): void {
    const source = this.viewer.source;
    this.#detecting.abort();
    if (!source) return;
    this.face.problem(null);
    if (source.kind === "picture") void this.#detect(source.file);
    else this.#stream.open(this.choice);
  }

  freeze(): void {
    const source = this.viewer.source;
    if (!source || source.kind === "picture") return;
    if (this.viewer.frozen) {
      this.viewer.thaw();
      this.#say("live", "Live");
    } else {
      this.viewer.freeze();
      this.#say("frozen", source.kind === "video" ? "Paused" : "Frozen");
    }
  }

  saveJson(): void {
    this.#save(this.log.json(), "json");
  }

  saveCsv(): void {
    this.#save(this.log.csv(), "csv");
  }

  /** Save a picture; begin or end to record a camera; record a video from its start to its end. */
  async saveDrawn(): Promise<void> {
    const source = this.viewer.source;
    if (!source) return;
    if (source.kind === "picture") await this.#savePicture();
    else if (this.recorder) await this.#finishRecording();
    else this.#record(source.video, source.kind === "video");
  }

  #say(state: State, words: string): void {
    this.#now = { state, words };
    this.face.state(state, words);
  }

  async #open(open: () => Promise<Source>, explain: (error: unknown) => Problem): Promise<void> {
    await this.#finishRecording();
    const number = ++this.#opening;
    if (this.#now.state !== "opening") this.#before = this.#now;
    this.#say("opening", "Opening");
    this.face.problem(null);
    try {
      const source = await open();
      if (number !== this.#opening) return source.close();
      this.#show(source);
    } catch (error) {
      if (number !== this.#opening) return;
      if (this.#now.state === "opening") this.#say(this.#before.state, this.#before.words);
      this.face.problem(explain(error));
    }
  }

  #show(source: Source): void {
    this.#stream.close();
    this.sender.reset();
    this.dropped = 0;
    this.#logged = "";
    this.viewer.show(source);
    this.face.source(source);
    if (source.kind === "video") {
      source.video.onended = () => void this.#videoEnded();
      source.video.onerror = () => void this.#videoBroke(source);
      source.video.pause(); // until somebody looks: loading a model takes longer than some videos
    }
    if (source.kind === "camera") this.#watchCamera(source.video);
    this.look();
  }

  #watchCamera(video: HTMLVideoElement): void {
    const track = (video.srcObject as MediaStream).getVideoTracks()[0];
    track?.addEventListener("ended", () => {
      void this.stop().then(() =>
        this.face.problem({
          title: "The camera is gone",
          text: "It was unplugged or taken away.",
          steps: [],
          again: "camera",
        }),
      );
    });
  }

  #connecting(): void {
    this.#say("connecting", "Connecting");
    clearTimeout(this.#patience);
    this.#patience = window.setTimeout(() => this.#say("connecting", "Loading model"), LOADING);
  }

  #greeted(hello: Hello): void {
    clearTimeout(this.#patience);
    this.sender.reset();
    this.dropped = 0;
    this.#firstId = this.#lastId + 1;
    this.viewer.greet(hello.skeleton);
    this.#logFor(hello.skeleton, `${hello.task} ${hello.model}`);
    this.face.problem(null);
    const { source, frozen } = this.viewer;
    if (frozen) return this.#say("frozen", source?.kind === "video" ? "Paused" : "Frozen");
    this.#say("live", "Live");
    if (source?.kind === "video" && !source.video.ended) play(source.video);
  }

  /** A line that was lost and found goes on with the same file; another model begins another. */
  #logFor(skeleton: Skeleton, key: string): void {
    if (key === this.#logged) return;
    this.#logged = key;
    this.#firstId = 0;
    this.#lastId = -1;
    this.log.begin(this.viewer.source?.name ?? "", skeleton);
  }

  /** Ids begin anew with every line; here they go on, so that nobody takes the id of another. */
  #result(result: Result): void {
    this.dropped = result.dropped;
    const sent = this.sender.answered(result.id);
    if (!sent) return;
    const instances = result.instances.map((one) => ({ ...one, id: one.id === null ? null : one.id + this.#firstId }));
    for (const { id } of instances) this.#lastId = Math.max(this.#lastId, id ?? -1);
    this.viewer.add({ ...result, instances }, sent.at);
    this.log.add({ ...result, instances }, sent, this.viewer.size);
  }

  /** About a frame, which is passed over, or about the whole stream, which the server then closes. */
  #complaint(id: number | null | undefined, message: string): void {
    if (typeof id === "number") this.sender.answered(id);
    else this.#reason = message;
    console.info(`Pinpoint: ${message}`);
  }

  /** Where there was no greeting, REST tells why: a token is missing, or nobody is there. */
  async #lost(before: boolean, pause: number): Promise<void> {
    clearTimeout(this.#patience);
    this.sender.reset();
    if (!this.viewer.frozen) this.viewer.forget();
    this.#say("reconnecting", `Retrying in ${Math.max(1, Math.round(pause / 1000))} s`);
    const reason = this.#reason;
    this.#reason = "";
    if (reason) this.face.problem(refused(reason));
    if (before || reason) return;
    try {
      await probe(this.choice);
    } catch (error) {
      if (!this.#stream.ready) this.#refused(error);
    }
  }

  /** What will pass is tried again; what will not waits for the user. */
  #refused(error: unknown): void {
    const passing = !(error instanceof Refused) || [429, 503].includes(error.status);
    if (passing) return this.face.problem(ofServer(error));
    this.#stream.close();
    if (error.status === 401) this.#askForToken();
    else this.#ended(ofServer(error));
  }

  /** Who closes the dialog finds below it how to open it again. */
  #askForToken(): void {
    this.#ended(tokenless());
    this.face.askForToken(false);
  }

  #ended(problem: Problem): void {
    clearTimeout(this.#patience);
    this.#say("stopped", "Stopped");
    this.face.problem(problem);
  }

  async #detect(file: Blob): Promise<void> {
    this.#detecting = new AbortController();
    const { signal } = this.#detecting;
    this.#say("looking", "Looking");
    try {
      const detection = await this.#answer(file, signal);
      if (signal.aborted) return;
      this.viewer.found(detection);
      this.#logged = "";
      this.#logFor(detection.skeleton, detection.model);
      this.log.add(detection, { at: 0, seconds: null }, detection.size);
      this.#say("found", `Done in ${Math.round(detection.milliseconds)} ms`);
    } catch (error) {
      if (signal.aborted) return;
      if (error instanceof Refused && error.status === 401) return this.#askForToken();
      this.#ended(ofServer(error));
    }
  }

  /** What is found in a picture, as soon as there is a server that answers. */
  async #answer(file: Blob, signal: AbortSignal): Promise<Detection> {
    for (let gone = false; ; gone = true) {
      try {
        const detection = await detect(file, this.choice, signal);
        if (gone) this.face.problem(null);
        return detection;
      } catch (error) {
        if (!(error instanceof Unreachable)) throw error;
        this.#say("offline", "Server gone");
        if (!gone) this.face.problem(ofServer(error));
      }
      await new Promise((resolve) => setTimeout(resolve, PAUSE));
      signal.throwIfAborted();
    }
  }

  #save(file: Blob | null, suffix: string): void {
    const source = this.viewer.source;
    if (file && source) save(file, `${this.#stem(source)}.${suffix}`);
  }

  #stem(source: Source): string {
    return stem(source.kind === "camera" ? "camera" : source.name, this.store.now.task);
  }

  async #savePicture(): Promise<void> {
    const [canvas, [width, height]] = [document.createElement("canvas"), this.#drawnSize()];
    Object.assign(canvas, { width, height });
    this.viewer.copy = { context: canvas.getContext("2d")! };
    await new Promise((resolve) => requestAnimationFrame(() => requestAnimationFrame(resolve)));
    this.viewer.copy = null;
    canvas.toBlob((blob) => this.#save(blob, "png"), "image/png");
  }

  #drawnSize(): [width: number, height: number] {
    const [width, height] = this.viewer.size;
    return [this.store.now.beside ? 2 * width : width, height];
  }

  #record(video: HTMLVideoElement, whole: boolean): void {
    if (!Recorder.possible) return;
    if (whole) video.currentTime = 0;
    if (this.viewer.frozen) this.freeze();
    if (whole) play(video);
    this.recorder = new Recorder(...this.#drawnSize());
    this.viewer.copy = this.recorder;
    this.face.recording(true);
  }

  async #videoEnded(): Promise<void> {
    await new Promise((resolve) => setTimeout(resolve, this.viewer.lag.value + 50)); // the overlay is that late
    const source = this.viewer.source;
    if (source?.kind !== "video" || !source.video.ended) return; // it was wound back meanwhile
    await this.#finishRecording();
    if (!this.viewer.frozen) this.freeze();
  }

  async #videoBroke(source: Source): Promise<void> {
    if (source !== this.viewer.source) return;
    await this.#finishRecording();
    if (!this.viewer.frozen) this.freeze();
    this.face.problem(broken(source.name));
  }

  async #finishRecording(): Promise<void> {
    const { recorder } = this;
    if (!recorder) return;
    this.recorder = this.viewer.copy = null;
    this.face.recording(false);
    this.#save(await recorder.stop(), recorder.suffix);
  }
}
