/** Ties the page to the app. */

import "./style.css";
import { App, type Face, type State } from "./app";
import { button, byId, dialog, input, part, say, select } from "./dom";
import { Panel } from "./panel";
import type { Problem } from "./problems";
import { Recorder } from "./recorder";
import { Store } from "./settings";
import { listenToKeys } from "./shortcuts";
import { type Source, cameras } from "./sources";
import { followTheme } from "./theme";
import { clock, followTransport, showPlace, step, transportFor } from "./transport";

const METER_PAUSE = 250; // ms
const PHONE = 620; // pixels, as in the style sheet

const store = new Store();
const flipTheme = followTheme(store);
const panel = new Panel(store);
const stage = part("stage");
let again: Problem["again"] = "";

const face: Face = {
  state(state, words) {
    document.body.dataset.state = state;
    say(part("status-words"), words);
    showButtons(state);
  },
  problem(problem) {
    part("problem").hidden = !problem;
    stage.classList.toggle("troubled", !!problem);
    if (problem) showProblem(problem);
  },
  catalogue: (catalogue) => panel.offer(catalogue),
  source(source) {
    stage.dataset.source = source?.kind ?? "none";
    byId("canvas", HTMLCanvasElement).setAttribute(
      "aria-label",
      source ? `${source.name} with overlay` : "No picture yet",
    );
    transportFor(source);
    if (source?.kind === "camera") void showCameras(source);
    fitStage();
  },
  recording(recording) {
    part("recording").hidden = !recording;
    showSaving();
  },
  askForToken(wrong) {
    part("token-wrong").hidden = !wrong;
    input("token").value = "";
    if (!dialog("token-dialog").open) dialog("token-dialog").showModal();
  },
};

const app = new App(byId("canvas", HTMLCanvasElement), store, face);

function showProblem(problem: Problem): void {
  again = problem.again;
  say(part("problem-title"), problem.title);
  say(part("problem-text"), problem.text);
  part("problem-steps").hidden = problem.steps.length === 0;
  const lines = problem.steps.map((words) => Object.assign(document.createElement("li"), { textContent: words }));
  part("problem-steps").replaceChildren(...lines);
  button("problem-again").hidden = !again;
}

function showButtons(state: State): void {
  const source = app?.viewer.source ?? null;
  const moving = !!source && source.kind !== "picture";
  button("freeze").disabled = !moving;
  button("stop").disabled = !source;
  const frozen = state === "frozen";
  button("freeze").setAttribute("aria-pressed", `${frozen}`);
  const stops = source?.kind === "video" ? "Pause" : "Freeze";
  say(part("freeze-words"), frozen ? "Go on" : stops);
  part("freeze-icon").dataset.shows = frozen ? "play" : "pause";
  showSaving();
}

function showSaving(): void {
  const source = app?.viewer.source ?? null;
  const picture = source?.kind === "picture";
  button("save-drawn").disabled = !source || !(picture || Recorder.possible);
  say(part("save-drawn-words"), picture ? "PNG" : app?.recorder ? "Finish" : "Record");
  part("save-drawn-icon").dataset.shows = picture ? "save" : "record";
  setName(button("save-drawn"), picture ? "Save picture" : "");
}

/** Name a button whose words alone do not say what it does. */
function setName(one: HTMLButtonElement, name: string): void {
  if (name) one.setAttribute("aria-label", name);
  else one.removeAttribute("aria-label");
}

async function showCameras(source: Source): Promise<void> {
  const found = await cameras();
  const options = found.map((camera, number) =>
    Object.assign(document.createElement("option"), {
      value: camera.deviceId,
      textContent: camera.label || `Camera ${number + 1}`,
      selected: camera.label === source.name,
    }),
  );
  part("camera-choice").hidden = found.length < 2;
  select("camera-select").replaceChildren(...options);
}

/** Where the page scrolls, the stage takes the shape of what it shows; a phone shows two pictures one above the other. */
function fitStage(): void {
  const [width, height] = app.viewer.size;
  const one = width ? width / height : 16 / 9;
  const two = stage.clientWidth < PHONE ? one / 2 : one * 2;
  stage.style.setProperty("--shape", `${store.now.beside && width ? two : one}`);
}

function showMeters(): void {
  const now = performance.now();
  const { viewer, sender, log } = app;
  const live = viewer.source && viewer.source.kind !== "picture";
  const fps = viewer.rate.at(now);
  say(part("fps"), live && fps > 0 ? fps.toFixed(fps < 9.95 ? 1 : 0) : "–");
  say(part("latency"), live && viewer.lag.latency > 0 ? `${Math.round(viewer.lag.latency)}` : "–");
  say(part("people"), viewer.source ? `${viewer.drawn}` : "–");
  say(part("dropped"), live ? `${sender.skipped + app.dropped}` : "–");
  part("dropped-meter").title =
    `${sender.skipped} frames not sent while others were on their way, ${app.dropped} dropped by the server`;
  for (const id of ["save-json", "save-csv"]) button(id).disabled = log.length === 0 || !viewer.source;
  if (app.recorder) say(part("recorded"), clock(app.recorder.seconds));
  showPlace();
}

function chooseFile(): void {
  input("file").click();
}

function take(files: FileList | null | undefined): void {
  const file = files?.[0];
  if (!file) return;
  toStage();
  void app.file(file);
}

/** On a phone, who starts something below sees what comes of it. */
function toStage(): void {
  stage.scrollIntoView({ block: "nearest" });
}

function listenToDrops(): void {
  let depth = 0;
  const over = (change: number) => {
    depth = change === 0 ? 0 : depth + change;
    part("drop").hidden = depth <= 0;
  };
  addEventListener("dragenter", (event) => event.dataTransfer?.types.includes("Files") && over(1));
  addEventListener("dragleave", (event) => event.dataTransfer?.types.includes("Files") && over(-1));
  addEventListener("dragover", (event) => event.preventDefault());
  addEventListener("drop", (event) => {
    event.preventDefault();
    over(0);
    take(event.dataTransfer?.files);
  });
  addEventListener("paste", (event) => take(event.clipboardData?.files));
}

function listenToButtons(): void {
  const clicks: Readonly<Record<string, () => void>> = {
    "start-camera": () => {
      toStage();
      void app.camera();
    },
    "empty-camera": () => void app.camera(),
    "open-file": chooseFile,
    "empty-file": chooseFile,
    "problem-file": chooseFile,
    "problem-again": () => (again === "camera" ? void app.camera() : again === "server" && retry()),
    "problem-close": () => face.problem(null),
    freeze: () => app.freeze(),
    stop: () => void app.stop(),
    "save-json": () => app.saveJson(),
    "save-csv": () => app.saveCsv(),
    "save-drawn": () => void app.saveDrawn(),
    help: () => dialog("help-dialog").showModal(),
  };
  for (const [id, act] of Object.entries(clicks)) button(id).addEventListener("click", act);
  input("file").addEventListener("change", () => {
    take(input("file").files);
    input("file").value = "";
  });
  select("camera-select").addEventListener("change", () => void app.camera(select("camera-select").value));
  byId("token-form", HTMLFormElement).addEventListener("submit", () => void app.token(input("token").value.trim()));
}

function retry(): void {
  if (app.viewer.source) app.look();
  else void app.start();
}

function changeScore(by: number): void {
  store.set("score", Math.min(0.95, Math.max(0, Math.round((store.now.score + by) * 20) / 20)));
}

function tasksByNumber(): Record<string, () => void> {
  return Object.fromEntries([1, 2, 3, 4].map((number) => [`${number}`, () => panel.task(panel.tasks[number - 1])]));
}

listenToKeys({
  c: () => void app.camera(),
  o: chooseFile,
  " ": () => app.freeze(),
  f: () => app.freeze(),
  i: () => store.flip("ids"),
  t: () => store.flip("trails"),
  m: () => store.flip("mirror"),
  b: () => store.flip("beside"),
  "[": () => changeScore(-0.05),
  "]": () => changeScore(0.05),
  ",": () => step(-1),
  ".": () => step(1),
  j: () => app.saveJson(),
  v: () => app.saveCsv(),
  r: () => void app.saveDrawn(),
  d: flipTheme,
  x: () => void app.stop(),
  Escape: () => face.problem(null),
  "?": () => dialog("help-dialog").showModal(),
  ...tasksByNumber(),
});
listenToDrops();
listenToButtons();
followTransport();
store.listen((_, changed) => changed === "beside" && fitStage());
addEventListener("resize", fitStage);
setInterval(showMeters, METER_PAUSE);
face.source(null);
void app.start();
if (new URLSearchParams(location.search).get("source") === "camera") void app.camera();
