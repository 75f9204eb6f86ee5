// Builds the service worker with the list of all files of this build, and writes a gzip copy beside every text file.
import { readdirSync, readFileSync, writeFileSync } from "node:fs";
import { join, resolve } from "node:path";
import { fileURLToPath } from "node:url";
import { gzipSync } from "node:zlib";
import { build } from "vite";
import { injectManifest } from "workbox-build";
import manifest from "./package.json" with { type: "json" };

const root = fileURLToPath(new URL(".", import.meta.url));
const out = resolve(root, process.env["FIELD_APP_OUT"] ?? "../../services/intake/src/intake/pages/field");

await build({
  configFile: false,
  root,
  logLevel: "warn",
  publicDir: false,
  define: { __VERSION__: JSON.stringify(manifest.version), "process.env.NODE_ENV": '"production"' },
  build: {
    outDir: out,
    emptyOutDir: false,
    target: "es2022",
    lib: { entry: join(root, "src/worker.ts"), formats: ["es"], fileName: () => "worker.js" },
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

let compressedBytes = 0;
for (const name of readdirSync(out, { recursive: true, encoding: "utf8" })) {
  if (!/\.(html|js|css|svg|webmanifest)$/.test(name)) continue;
  const compressed = gzipSync(readFileSync(join(out, name)), { level: 9 });
  writeFileSync(join(out, `${name}.gz`), compressed);
  compressedBytes += compressed.length;
}
console.log(`${count} files, ${size} bytes; ${compressedBytes} bytes compressed`);
