/** What went wrong, in words that say what to do. */

import { Refused, Unreachable } from "./api";
import { Unplayable } from "./sources";

export interface Problem {
  readonly title: string;
  readonly text: string;
  readonly steps: readonly string[];
  /** What `Try again` does, if it may help. */
  readonly again: "camera" | "server" | "";
}

export type Browser = "Firefox" | "Safari" | "iPhone" | "Android" | "Edge" | "Chrome";

export function browserOf(agent: string): Browser {
  if (/iPhone|iPad/.test(agent)) return "iPhone";
  if (/Firefox/.test(agent)) return "Firefox";
  if (/Android/.test(agent)) return "Android";
  if (/Edg\//.test(agent)) return "Edge";
  return /Chrome|Chromium/.test(agent) ? "Chrome" : "Safari";
}

const ALLOW: Readonly<Record<Browser, readonly string[]>> = {
  Chrome: [
    "Click the camera sign at the left of the address, or the sign before it.",
    "Set Camera to Allow, then try again.",
  ],
  Edge: ["Click the lock at the left of the address.", "Set Camera to Allow, then try again."],
  Firefox: ["Click the crossed-out camera at the left of the address.", "Remove the block, then try again."],
  Safari: ["Open Safari > Settings for This Website.", "Set Camera to Allow, then try again."],
  iPhone: [
    "Tap the page menu at the left of the address, then Website Settings.",
    "Set Camera to Allow, then try again.",
  ],
  Android: ["Tap the sign at the left of the address, then Permissions.", "Allow Camera, then try again."],
};

const SYSTEM =
  "If it is allowed there, look into the privacy settings of the system: the browser may be blocked as a whole.";

/** Pages that came over plain HTTP from another machine get no camera in any browser. */
export function insecure(): Problem {
  const port = location.port || "80";
  return {
    title: "The camera needs a secure address",
    text: `Browsers give a camera only to pages from https:// or from this machine itself, and this page came from ${location.host}.`,
    steps: [
      `On the machine that runs the server, open http://localhost:${port}.`,
      `From elsewhere, run ssh -L ${port}:localhost:${port} ${location.hostname}, then open http://localhost:${port}.`,
      "Or put the server behind a proxy with a certificate. Pictures and videos work here as they are.",
    ],
    again: "",
  };
}

export function ofCamera(error: unknown): Problem {
  const name = error instanceof DOMException ? error.name : "";
  if (name === "NotAllowedError" || name === "SecurityError") {
    const steps = [...ALLOW[browserOf(navigator.userAgent)], SYSTEM];
    return {
      title: "The camera is not allowed",
      text: "The browser was told not to give this page a camera.",
      steps,
      again: "camera",
    };
  }
  if (name === "NotFoundError" || name === "OverconstrainedError") {
    return {
      title: "No camera found",
      text: "Plug one in and try again, or open a picture or a video instead.",
      steps: [],
      again: "camera",
    };
  }
  if (name === "NotReadableError" || name === "AbortError") {
    return {
      title: "The camera is busy",
      text: "Another program seems to use it. Close that program, then try again.",
      steps: [],
      again: "camera",
    };
  }
  return {
    title: "The camera did not start",
    text: `${error instanceof Error ? error.message : error}`,
    steps: [],
    again: "camera",
  };
}

export function ofServer(error: unknown): Problem {
  if (error instanceof Unreachable) {
    const text = "Is pinpoint serve still running? This page goes on by itself as soon as it answers.";
    return { title: "The server does not answer", text, steps: [], again: "server" };
  }
  if (error instanceof Refused && [429, 503].includes(error.status)) {
    return { title: "The server is busy", text: sentence(error.message), steps: [], again: "server" };
  }
  return refused(error instanceof Error ? error.message : `${error}`);
}

/** The server asks for a token that this tab does not have. */
export function tokenless(): Problem {
  return { title: "The server wants its token", text: "Without it, it looks at nothing.", steps: [], again: "server" };
}

export function refused(text: string): Problem {
  return { title: "The server refused", text: sentence(text), steps: [], again: "server" };
}

/** What a server says begins with a small letter and ends without a stop. */
function sentence(text: string): string {
  const whole = text.charAt(0).toUpperCase() + text.slice(1);
  return /[.!?]$/.test(whole) ? whole : `${whole}.`;
}

/** A video that began, but does not go on. */
export function broken(name: string): Problem {
  const text = `${name} is damaged here, and this browser plays it no further. What was found so far can be saved.`;
  return { title: "The video breaks off", text, steps: [], again: "" };
}

export function ofFile(error: unknown): Problem {
  if (!(error instanceof Unplayable)) return ofServer(error);
  const text = `${error.message}. Try JPEG, PNG or WebP for pictures, and MP4 (H.264) or WebM for videos.`;
  return { title: "The file could not be opened", text, steps: [], again: "" };
}
