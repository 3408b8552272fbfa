/** REST calls and addresses, with the token of this tab where the server wants one. */

import type { Catalogue, Detection } from "./protocol";

const TOKEN = "pinpoint.token";

export interface Choice {
  readonly task: string;
  readonly model: string;
}

/** The server answered, and said no. */
export class Refused extends Error {
  constructor(
    readonly status: number,
    message: string,
  ) {
    super(message);
  }
}

/** Nobody answered. */
export class Unreachable extends Error {}

export function token(): string {
  return sessionStorage.getItem(TOKEN) ?? "";
}

export function keepToken(value: string): void {
  sessionStorage.setItem(TOKEN, value);
}

export async function models(): Promise<Catalogue> {
  return (await call("v1/models")).json();
}

/** Look for keypoints in one picture, in the form the server reads it: no browser turns or shrinks it. */
export async function detect(file: Blob, choice: Choice, signal: AbortSignal): Promise<Detection> {
  const body = new FormData();
  body.append("file", file, file instanceof File ? file.name : "picture.jpg");
  return (await call(`v1/detect?${query(choice)}`, { method: "POST", body, signal })).json();
}

/** Ask for a look at an empty picture: REST says why it refuses, which a WebSocket keeps from its page. */
export async function probe(choice: Choice): Promise<void> {
  const canvas = Object.assign(document.createElement("canvas"), { width: 32, height: 32 });
  canvas.getContext("2d", { alpha: false });
  const picture = await new Promise<Blob | null>((resolve) => canvas.toBlob(resolve, "image/jpeg"));
  if (picture) await detect(picture, choice, AbortSignal.timeout(60_000));
}

export function streamAddress(choice: Choice): URL {
  const address = new URL(`v1/stream?${query(choice)}`, document.baseURI);
  address.protocol = address.protocol === "https:" ? "wss:" : "ws:";
  return address;
}

/** Browsers cannot set headers on a WebSocket, so the token travels as a subprotocol. */
export function streamProtocols(): string[] {
  return token() ? [`bearer.${token()}`] : [];
}

function query(choice: Choice): URLSearchParams {
  const values = new URLSearchParams({ task: choice.task, min_score: "0" });
  if (choice.model) values.set("model", choice.model);
  return values;
}

async function call(path: string, init: RequestInit = {}): Promise<Response> {
  const headers = new Headers(init.headers);
  if (token()) headers.set("Authorization", `Bearer ${token()}`);
  const answer = await fetched(new URL(path, document.baseURI), { ...init, headers });
  if (!answer.ok) throw new Refused(answer.status, await reason(answer));
  return answer;
}

async function fetched(address: URL, init: RequestInit): Promise<Response> {
  try {
    return await fetch(address, init);
  } catch (error) {
    if (error instanceof DOMException && error.name === "AbortError") throw error;
    throw new Unreachable("The server does not answer");
  }
}

/** Errors have one form, `{"error": {"message": ...}}`; a proxy in between may answer in another. */
async function reason(answer: Response): Promise<string> {
  try {
    const message = (await answer.json()).error.message;
    if (typeof message === "string") return message;
  } catch {
    // the status has to do
  }
  return `The server answered ${answer.status} ${answer.statusText}`.trim();
}
