/** Place and speed of a video file. */

import { button, input, part, say, select } from "./dom";
import type { Source } from "./sources";

let video: HTMLVideoElement | null = null;

/** Show the bar for a video file, and hide it for anything else. */
export function transportFor(source: Source | null): void {
  video = source?.kind === "video" ? source.video : null;
  part("transport").hidden = !video;
  if (!video) return;
  input("seek").max = `${video.duration || 0}`;
  input("seek").step = "0.01";
  video.playbackRate = Number(select("speed").value);
  showPlace();
}

export function followTransport(): void {
  input("seek").addEventListener("input", () => {
    if (video) video.currentTime = input("seek").valueAsNumber;
  });
  select("speed").addEventListener("change", () => {
    if (video) video.playbackRate = Number(select("speed").value);
  });
  button("step-back").addEventListener("click", () => step(-1));
  button("step-on").addEventListener("click", () => step(1));
}

export function showPlace(): void {
  if (!video) return;
  const share = video.currentTime / (video.duration || 1);
  input("seek").value = `${video.currentTime}`;
  input("seek").style.setProperty("--share", `${share}`);
  const words = `${clock(video.currentTime)} of ${clock(video.duration)}`;
  input("seek").setAttribute("aria-valuetext", words);
  say(part("place"), `${clock(video.currentTime)} / ${clock(video.duration)}`);
}

/** Go a fifth of a second on or back; works best on a paused video. */
export function step(direction: number): void {
  if (video) video.currentTime = Math.min(video.duration, Math.max(0, video.currentTime + direction / 5));
}

export function clock(seconds: number): string {
  const whole = Number.isFinite(seconds) ? Math.floor(seconds) : 0;
  return `${Math.floor(whole / 60)}:${`${whole % 60}`.padStart(2, "0")}`;
}
