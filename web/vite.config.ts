import { createHash } from "node:crypto";
import { readFileSync, readdirSync } from "node:fs";
import { join, relative } from "node:path";
import { defineConfig, type Plugin } from "vite";

const here = import.meta.dirname;
const SOURCES = ["src", "public", "index.html", "package-lock.json", "package.json", "tsconfig.json", "vite.config.ts"];

function files(path: string): string[] {
  return readdirSync(path, { withFileTypes: true }).flatMap((entry) => {
    const child = join(path, entry.name);
    return entry.isDirectory() ? files(child) : [child];
  });
}

/** SHA-256 of the paths and contents of all sources, so that a test can tell whether the build is theirs. */
function digest(): string {
  const top = readdirSync(here, { withFileTypes: true }).filter((entry) => SOURCES.includes(entry.name));
  const all = top.flatMap((entry) => (entry.isDirectory() ? files(join(here, entry.name)) : [join(here, entry.name)]));
  const hash = createHash("sha256");
  for (const name of all.map((path) => relative(here, path).replaceAll("\\", "/")).sort()) {
    hash
      .update(`${name}\0`)
      .update(readFileSync(join(here, name)))
      .update("\0");
  }
  return hash.digest("hex");
}

function stamp(): Plugin {
  return {
    name: "stamp",
    apply: "build",
    generateBundle() {
      this.emitFile({ type: "asset", fileName: "sources.sha256", source: `${digest()}\n` });
    },
  };
}

const server = "http://127.0.0.1:8000";

export default defineConfig({
  base: "./",
  plugins: [stamp()],
  build: {
    outDir: "../src/pinpoint/serve/page",
    emptyOutDir: true,
    modulePreload: { polyfill: false },
    assetsInlineLimit: 0,
    reportCompressedSize: false,
  },
  server: {
    proxy: {
      "/v1": { target: server, ws: true },
      "/healthz": server,
    },
  },
});
