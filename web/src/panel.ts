/** The controls beside the picture: they show the settings and change them. */

import { byId, input, part, say, select } from "./dom";
import type { Catalogue, Model } from "./protocol";
import type { Settings, Store, Switch } from "./settings";

const SWITCHES: readonly Switch[] = ["ids", "trails", "mirror", "beside", "inStep"];
const ORDER = ["body", "face", "hand", "wholebody"];
const TITLES: Readonly<Record<string, string>> = { wholebody: "Whole body" };

export class Panel {
  #catalogue: Catalogue | null = null;

  constructor(private readonly store: Store) {
    for (const key of SWITCHES) input(key).addEventListener("change", () => store.set(key, input(key).checked));
    input("score").addEventListener("input", () => store.set("score", input("score").valueAsNumber));
    select("size").addEventListener("change", () => store.set("size", Number(select("size").value)));
    select("model").addEventListener("change", () => this.#chooseModel(select("model").value));
    part("tasks").addEventListener("change", (event) => this.task((event.target as HTMLInputElement).value));
    store.listen((settings) => this.#show(settings));
    this.#show(store.now);
  }

  /** Tasks in the order of the page; some have only models that users added. */
  get tasks(): string[] {
    const { tasks = {}, models = [] } = this.#catalogue ?? {};
    const known = [...new Set([...Object.keys(tasks), ...models.map((model) => model.task)])];
    return [...ORDER.filter((task) => known.includes(task)), ...known.filter((task) => !ORDER.includes(task))];
  }

  task(task: string | undefined): void {
    if (task && task !== this.store.now.task) this.store.set("task", task);
  }

  offer(catalogue: Catalogue): void {
    this.#catalogue = catalogue;
    part("tasks").replaceChildren(...this.tasks.map((task) => radio(task)));
    if (!this.tasks.includes(this.store.now.task)) this.task(this.tasks[0]);
    this.#show(this.store.now);
  }

  #chooseModel(model: string): void {
    this.store.set("models", { ...this.store.now.models, [this.store.now.task]: model });
  }

  #show(settings: Settings): void {
    for (const key of SWITCHES) input(key).checked = settings[key];
    input("score").value = `${settings.score}`;
    input("score").style.setProperty("--share", `${settings.score}`);
    say(byId("score-value", HTMLOutputElement), settings.score.toFixed(2));
    select("size").value = `${settings.size}`;
    for (const one of document.querySelectorAll<HTMLInputElement>("#tasks input"))
      one.checked = one.value === settings.task;
    this.#showModels(settings);
  }

  #showModels(settings: Settings): void {
    const models = this.#catalogue?.models.filter((model) => model.task === settings.task) ?? [];
    const own = this.#catalogue?.tasks[settings.task]?.model ?? "";
    const chosen = settings.models[settings.task] ?? "";
    const usual = own || models.length === 0 ? [option("", own ? `Default (${own})` : "Default")] : [];
    select("model").replaceChildren(...usual, ...models.map((model) => optionOf(model)));
    if (models.some((model) => model.name === chosen)) select("model").value = chosen;
    select("model").disabled = models.length === 0;
    this.#showAbout(models.find((model) => model.name === (select("model").value || own)));
  }

  #showAbout(model: Model | undefined): void {
    const about = part("model-about");
    about.title = model?.license ?? "";
    const [license] = model?.license.split(" (") ?? [];
    say(about, model ? `${model.skeleton}, ${license}${model.ready ? "" : ", not fetched yet"}` : "");
  }
}

function radio(task: string): HTMLLabelElement {
  const [label, box, words] = [
    document.createElement("label"),
    document.createElement("input"),
    document.createElement("span"),
  ];
  Object.assign(box, { type: "radio", name: "task", value: task, id: `task-${task}` });
  words.textContent = TITLES[task] ?? task.charAt(0).toUpperCase() + task.slice(1);
  label.append(box, words);
  return label;
}

function option(value: string, words: string): HTMLOptionElement {
  return Object.assign(document.createElement("option"), { value, textContent: words });
}

function optionOf(model: Model): HTMLOptionElement {
  return option(model.name, model.ready ? model.name : `${model.name} (to be fetched)`);
}
