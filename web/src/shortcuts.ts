/** Keys that do what buttons do. */

const WRITING = "input:not([type=checkbox], [type=radio], [type=range]), textarea, select";
const PRESSABLE = "button, input, select, summary, a";

/** Call the action of a key, unless the user is typing, a dialog is open, or the key presses what has the focus. */
export function listenToKeys(actions: Readonly<Record<string, () => void>>): void {
  document.addEventListener("keydown", (event) => {
    const target = event.target instanceof Element ? event.target : document.body;
    const taken = event.ctrlKey || event.metaKey || event.altKey || document.querySelector("dialog[open]");
    if (taken || target.matches(WRITING)) return;
    if (event.key === " " && target.matches(PRESSABLE)) return;
    const action = actions[event.key.length === 1 ? event.key.toLowerCase() : event.key];
    if (!action) return;
    event.preventDefault();
    action();
  });
}
