// The layers of src/: an import upward fails the check. The rules are in biome.json; each is tried with a mutant.
import assert from "node:assert/strict";
import { execFile } from "node:child_process";
import { cpSync, mkdtempSync, readdirSync, readFileSync, rmSync, symlinkSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, test } from "node:test";
import { fileURLToPath } from "node:url";
import manifest from "../package.json" with { type: "json" };

const APP = fileURLToPath(new URL("..", import.meta.url));
const LAYERS = ["model", "platform", "store", "session", "sync", "domain", "i18n", "screens"];
const BROKEN_RULE = /mutant\.ts:\d+:\d+ lint\/style\/noRestrictedImports/;
const copy = mkdtempSync(join(tmpdir(), "wanderamt-layers-"));
after(() => rmSync(copy, { recursive: true, force: true }));
for (const name of ["src", "biome.json", "package.json"])
  cpSync(join(APP, name), join(copy, name), { recursive: true });
symlinkSync(join(APP, "node_modules"), join(copy, "node_modules"));

/** Runs Biome over the copy, with one more file. Resolves to its output, or to "" if it found nothing. */
function check(file = "", content = ""): Promise<string> {
  if (file) writeFileSync(join(copy, file), content);
  const biome = join(APP, "node_modules", "@biomejs", "biome", "bin", "biome");
  return new Promise((resolve) => {
    execFile(process.execPath, [biome, "check"], { cwd: copy }, (error, stdout, stderr) => {
      if (file) rmSync(join(copy, file));
      resolve(error ? `${stdout}${stderr}` : "");
    });
  });
}

test("the source has no import upward, and no other folder", async () => {
  assert.equal(await check(), "");
  assert.match(manifest.scripts.check, /biome check/);
  const entries = readdirSync(join(APP, "src"), { withFileTypes: true });
  const folders = entries.filter((entry) => entry.isDirectory()).map((entry) => entry.name);
  assert.deepEqual(folders.sort(), [...LAYERS].sort());
});

for (const [index, lower] of LAYERS.entries()) {
  test(`${lower} may not import a layer above it`, async () => {
    for (const upper of [...LAYERS.slice(index + 1), "app.tsx"]) {
      const target = upper === "app.tsx" ? upper : `${upper}/${readdirSync(join(APP, "src", upper))[0]}`;
      const output = await check(`src/${lower}/mutant.ts`, `export * from "../${target}";\n`);
      assert.match(output, BROKEN_RULE, `${lower} imports ${target}`);
    }
  });
}

test("the texts may not read the store", async () => {
  const output = await check("src/i18n/mutant.ts", 'export * from "../store/preferences.ts";\n');
  assert.match(output, BROKEN_RULE);
});

test("no type is imported inline, which Biome would not see", () => {
  const files = readdirSync(join(APP, "src"), { recursive: true, encoding: "utf8" }).filter((name) =>
    /\.tsx?$/.test(name),
  );
  assert.ok(files.length > 40);
  for (const name of files) assert.doesNotMatch(readFileSync(join(APP, "src", name), "utf8"), /\bimport\(/, name);
});
