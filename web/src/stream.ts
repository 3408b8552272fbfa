/** A WebSocket that comes back: it reconnects with growing pauses until it is closed. */

import { type Choice, streamAddress, streamProtocols } from "./api";
import type { Complaint, Hello, Message, Result } from "./protocol";

const FIRST_PAUSE = 500;
const LONGEST_PAUSE = 8000;
// Idle for too long, going away, torn or refused, failed, restarting, try again later.
const PASSING = [1000, 1001, 1006, 1011, 1012, 1013];

export interface StreamEvents {
  connecting(): void;
  hello(hello: Hello): void;
  result(result: Result): void;
  complaint(complaint: Complaint): void;
  /** The line is gone; `before` says whether the server had greeted, `pause` when the next try comes. */
  lost(before: boolean, pause: number): void;
  /** The server closed it on purpose: another try would end the same way. */
  ended(reason: string): void;
}

export class Stream {
  #socket: WebSocket | null = null;
  #choice: Choice | null = null;
  #greeted = false;
  #failures = 0;
  #timer = 0;

  constructor(private readonly events: StreamEvents) {
    addEventListener("online", () => this.retry());
  }

  get ready(): boolean {
    return this.#greeted && this.#socket?.readyState === WebSocket.OPEN;
  }

  /** Bytes that the network has not taken yet. */
  get waiting(): number {
    return this.#socket?.bufferedAmount ?? 0;
  }

  open(choice: Choice): void {
    this.close();
    this.#choice = choice;
    this.#failures = 0;
    this.#connect();
  }

  /** Try at once instead of waiting for the pause to end. */
  retry(): void {
    if (this.#choice && !this.#socket) {
      clearTimeout(this.#timer);
      this.#connect();
    }
  }

  send(header: { id: number; seconds: number }, picture: Blob): void {
    this.#socket?.send(JSON.stringify(header));
    this.#socket?.send(picture);
  }

  close(): void {
    clearTimeout(this.#timer);
    this.#choice = null;
    this.#drop()?.close(1000);
  }

  #drop(): WebSocket | null {
    const socket = this.#socket;
    this.#socket = null;
    this.#greeted = false;
    return socket;
  }

  #connect(): void {
    if (!this.#choice) return;
    this.events.connecting();
    const socket = new WebSocket(streamAddress(this.#choice), streamProtocols());
    this.#socket = socket;
    socket.onmessage = (event) => {
      if (socket === this.#socket) this.#read(JSON.parse(event.data));
    };
    socket.onclose = (event) => {
      if (socket === this.#socket) this.#lost(event);
    };
  }

  #read(message: Message): void {
    if (message.type === "hello") {
      this.#greeted = true;
      this.events.hello(message);
    } else if (message.type === "result") {
      this.#failures = 0;
      this.events.result(message);
    } else this.events.complaint(message);
  }

  #lost(event: CloseEvent): void {
    const before = this.#greeted;
    this.#drop();
    if (!PASSING.includes(event.code)) {
      this.#choice = null;
      this.events.ended(event.reason || `The server closed the connection (${event.code})`);
      return;
    }
    const pause = Math.min(LONGEST_PAUSE, FIRST_PAUSE * 2 ** this.#failures++) * (0.8 + 0.4 * Math.random());
    this.#timer = window.setTimeout(() => this.#connect(), pause);
    this.events.lost(before, pause);
  }
}
