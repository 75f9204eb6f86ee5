// Builds the service worker with the list of all files of this build, and packs every text file beside itself.
import { readdirSync, readFileSync, writeFileSync } from "node:fs";
import { join, resolve } from "node:path";
import { fileURLToPath } from "node:url";
import { gzipSync } from "node:zlib";
import { build } from "vite";
import { injectManifest } from "workbox-build";
import about from "./package.json" with { type: "json" };

const here = fileURLToPath(new URL(".", import.meta.url));
const out = resolve(here, process.env["FIELD_APP_OUT"] ?? "../../services/intake/src/intake/pages/field");

await build({
  configFile: false,
  root: here,
  logLevel: "warn",
  publicDir: false,
  define: { __VERSION__: JSON.stringify(about.version), "process.env.NODE_ENV": '"production"' },
  build: {
    outDir: out,
    emptyOutDir: false,
    target: "es2022",
    lib: { entry: join(here, "src/worker.ts"), formats: ["es"], fileName: () => "worker.js" },
  },
});
const { count, size, warnings } = await injectManifest({
  swSrc: join(out, "worker.js"),
  swDest: join(out, "worker.js"),
  globDirectory: out,
  globPatterns: ["**/*.{html,js,css,svg,png,webmanifest}"],
  globIgnores: ["worker.js"],
  dontCacheBustURLsMatching: /^assets\//,
});
for (const warning of warnings) console.warn(warning);

let packed = 0;
for (const name of readdirSync(out, { recursive: true, encoding: "utf8" })) {
  if (!/\.(html|js|css|svg|webmanifest)$/.test(name)) continue;
  const small = gzipSync(readFileSync(join(out, name)), { level: 9 });
  writeFileSync(join(out, `${name}.gz`), small);
  packed += small.length;
}
console.log(`${count} files, ${size} bytes; ${packed} bytes compressed`);
