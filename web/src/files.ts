/** Hands files over to the user. */

export function save(blob: Blob, name: string): void {
  const link = document.createElement("a");
  link.href = URL.createObjectURL(blob);
  link.download = name;
  link.click();
  setTimeout(() => URL.revokeObjectURL(link.href), 10_000);
}

/** `holiday.mp4` and `body` give `holiday-body`; a camera is called `camera`. */
export function stem(source: string, task: string): string {
  const name = source.replace(/\.[^.]*$/, "").replace(/[^\p{L}\p{N}_-]+/gu, "-");
  return `${name.replace(/^-+|-+$/g, "") || "pinpoint"}-${task}`;
}
