/** Numbers that the meters show, steadied. */

const WINDOW = 2000; // ms
const GONE = 10_000; // ms after which a thing that happened does not go on
const WEIGHT = 0.15; // of a new value in a running mean

/** How many times in a second something happens. */
export class Rate {
  #times: number[] = [];

  add(now: number): void {
    this.#times.push(now);
    this.#forget(now);
  }

  /** Per second over the last two seconds, or where it is rarer between the last two times. */
  at(now: number): number {
    this.#forget(now);
    const [first, count] = [this.#times[0], this.#times.length];
    return first === undefined || count < 2 ? 0 : ((count - 1) * 1000) / Math.max(now - first, 1);
  }

  clear(): void {
    this.#times = [];
  }

  #forget(now: number): void {
    while (this.#times.length > 2 && now - this.#times[0]! > WINDOW) this.#times.shift();
    if (now - (this.#times.at(-1) ?? now) > GONE) this.clear();
  }
}

export class Mean {
  value = 0;
  #empty = true;

  add(value: number): void {
    this.value = this.#empty ? value : this.value + WEIGHT * (value - this.value);
    this.#empty = false;
  }

  clear(): void {
    this.value = 0;
    this.#empty = true;
  }
}

/** How far behind the present the overlay is shown: long enough to know two results around that moment. */
export class Lag {
  readonly #latency = new Mean();
  readonly #interval = new Mean();
  #last = 0;

  add(now: number, latency: number): void {
    this.#latency.add(latency);
    if (this.#last && now - this.#last < 1000) this.#interval.add(now - this.#last);
    this.#last = now;
  }

  get value(): number {
    return Math.min(1000, this.#latency.value + this.#interval.value);
  }

  get latency(): number {
    return this.#latency.value;
  }

  clear(): void {
    this.#latency.clear();
    this.#interval.clear();
    this.#last = 0;
  }
}
