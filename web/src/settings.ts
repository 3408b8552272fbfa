/** What the user has chosen, kept in this browser. */

const KEY = "pinpoint.settings";

export interface Settings {
  readonly theme: "" | "light" | "dark";
  readonly task: string;
  /** The model chosen for each task; none means the server's own choice. */
  readonly models: Readonly<Record<string, string>>;
  readonly ids: boolean;
  readonly trails: boolean;
  readonly mirror: boolean;
  readonly beside: boolean;
  readonly inStep: boolean;
  readonly score: number;
  /** Longest side of the frames that are sent, in pixels. */
  readonly size: number;
}

export type Switch = "ids" | "trails" | "mirror" | "beside" | "inStep";

const DEFAULTS: Settings = {
  theme: "",
  task: "body",
  models: {},
  ids: true,
  trails: false,
  mirror: true,
  beside: false,
  inStep: true,
  score: 0.3,
  size: 640,
};

type Listener = (settings: Settings, changed: keyof Settings) => void;

export class Store {
  #settings: Settings;
  readonly #listeners: Listener[] = [];

  constructor() {
    this.#settings = { ...DEFAULTS, ...kept(), ...fromAddress() };
  }

  get now(): Settings {
    return this.#settings;
  }

  set<Key extends keyof Settings>(key: Key, value: Settings[Key]): void {
    this.#settings = { ...this.#settings, [key]: value };
    keep(this.#settings);
    for (const listener of this.#listeners) listener(this.#settings, key);
  }

  flip(key: Switch): void {
    this.set(key, !this.#settings[key]);
  }

  listen(listener: Listener): void {
    this.#listeners.push(listener);
  }
}

/** `?task=hand&model=hand-s` opens the page with that choice. */
function fromAddress(): Partial<Settings> {
  const asked = new URLSearchParams(location.search);
  const [task, model] = [asked.get("task"), asked.get("model")];
  return { ...(task && { task }), ...(task && model && { models: { [task]: model } }) };
}

/** Values of a wrong type are those of another version, or of a curious user. */
function kept(): Partial<Settings> {
  try {
    const values = Object.entries(JSON.parse(localStorage.getItem(KEY) ?? "{}"));
    return Object.fromEntries(values.filter(([key, value]) => typeof value === typeof DEFAULTS[key as keyof Settings]));
  } catch {
    return {};
  }
}

function keep(settings: Settings): void {
  try {
    localStorage.setItem(KEY, JSON.stringify(settings));
  } catch {
    // private windows may refuse to keep anything
  }
}
