/** What can be looked at: a camera, a video file or a picture. */

export interface Moving {
  readonly kind: "camera" | "video";
  readonly name: string;
  readonly video: HTMLVideoElement;
  /** Whether it shows whoever looks at it, who expects a mirror. */
  readonly selfie: boolean;
  close(): void;
}

export interface Still {
  readonly kind: "picture";
  readonly name: string;
  readonly file: Blob;
  readonly bitmap: ImageBitmap;
  close(): void;
}

export type Source = Moving | Still;

/** A file that no browser of this kind can open. */
export class Unplayable extends Error {}

const PICTURE = /\.(jpe?g|png|webp|gif|bmp|avif)$/i;

export function isPicture(file: File): boolean {
  return file.type.startsWith("image/") || (!file.type && PICTURE.test(file.name));
}

/** Ask for a camera; rejects as getUserMedia does. */
export async function openCamera(deviceId = ""): Promise<Moving> {
  const wanted = deviceId ? { deviceId: { exact: deviceId } } : { facingMode: "user" };
  const stream = await navigator.mediaDevices.getUserMedia({
    audio: false,
    video: { ...wanted, width: { ideal: 1280 }, height: { ideal: 720 }, frameRate: { ideal: 30 } },
  });
  const video = element();
  video.srcObject = stream;
  await begun(video);
  const track = stream.getVideoTracks()[0]!;
  return {
    kind: "camera",
    name: track.label || "camera",
    video,
    selfie: track.getSettings().facingMode !== "environment",
    close() {
      for (const part of stream.getTracks()) part.stop();
      video.srcObject = null;
    },
  };
}

export async function openVideo(file: File): Promise<Moving> {
  const video = element();
  const address = URL.createObjectURL(file);
  video.src = address;
  try {
    await begun(video);
  } catch {
    URL.revokeObjectURL(address);
    throw new Unplayable(`This browser cannot play ${file.name}`);
  }
  return {
    kind: "video",
    name: file.name,
    video,
    selfie: false,
    close() {
      video.pause();
      video.removeAttribute("src");
      video.load();
      URL.revokeObjectURL(address);
    },
  };
}

export async function openPicture(file: Blob, name: string): Promise<Still> {
  try {
    const bitmap = await createImageBitmap(file);
    return { kind: "picture", name, file, bitmap, close: () => bitmap.close() };
  } catch {
    throw new Unplayable(`This browser cannot show ${name}`);
  }
}

export async function cameras(): Promise<MediaDeviceInfo[]> {
  const devices = await navigator.mediaDevices.enumerateDevices();
  return devices.filter((device) => device.kind === "videoinput" && device.deviceId);
}

/** Call back with every new picture of a video until the function given back is called. */
export function everyFrame(video: HTMLVideoElement, then: (now: number) => void): () => void {
  let going = true;
  let shown = -1;
  const next = () => {
    if (!going) return;
    if ("requestVideoFrameCallback" in video) video.requestVideoFrameCallback(step);
    else requestAnimationFrame(step);
  };
  const step = () => {
    if (going && video.currentTime !== shown) then(performance.now());
    shown = video.currentTime;
    next();
  };
  next();
  return () => {
    going = false;
  };
}

/** Play; that it is paused again before it begins is no failure. */
export function play(video: HTMLVideoElement): void {
  video.play().catch(() => {});
}

function element(): HTMLVideoElement {
  const video = document.createElement("video");
  video.muted = true;
  video.playsInline = true;
  video.preload = "auto";
  return video;
}

async function begun(video: HTMLVideoElement): Promise<void> {
  await new Promise<void>((resolve, reject) => {
    video.onloadeddata = () => resolve();
    video.onerror = () => reject(new Unplayable("it cannot be played"));
    if (video.srcObject) void video.play().catch(reject);
  });
  if (!video.videoWidth) throw new Unplayable("it has no picture");
  await video.play();
}
