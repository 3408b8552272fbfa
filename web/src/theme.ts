/** Dark and light: the system's choice until the switch is used. */

import { button, part } from "./dom";
import type { Store } from "./settings";

const system = matchMedia("(prefers-color-scheme: dark)");

export function followTheme(store: Store): () => void {
  const flip = () => store.set("theme", dark(store) ? "light" : "dark");
  button("theme").addEventListener("click", flip);
  system.addEventListener("change", () => show(store));
  store.listen((_, changed) => changed === "theme" && show(store));
  show(store);
  return flip;
}

function dark(store: Store): boolean {
  return store.now.theme === "" ? system.matches : store.now.theme === "dark";
}

function show(store: Store): void {
  const root = document.documentElement;
  if (store.now.theme) root.dataset.theme = store.now.theme;
  else delete root.dataset.theme;
  const words = dark(store) ? "Use light colours" : "Use dark colours";
  button("theme").setAttribute("aria-label", words);
  button("theme").title = words;
  part("theme-icon").dataset.shows = dark(store) ? "sun" : "moon";
}
