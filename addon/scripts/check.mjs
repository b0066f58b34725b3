/** Checks that are not in the tests: messages of all languages, sizes, the committed userscript, Mozilla's linter. */

import { execFileSync } from "node:child_process";
import { existsSync } from "node:fs";
import { readdir, readFile } from "node:fs/promises";
import { join } from "node:path";
import { keysUsed, locales, outputs, root, USERSCRIPT } from "./build.mjs";

const LARGEST_SCRIPT = 60_000;
const problems = [];

const placeholders = (message) => (message.match(/\$\d|\{\w+\}/g) ?? []).sort().join();

async function messages() {
  const { en, ...others } = await locales();
  const keys = Object.keys(en);
  for (const [language, translated] of Object.entries(others)) {
    for (const key of keys) {
      if (!translated[key]?.message) problems.push(`${language}: "${key}" is missing`);
      else if (placeholders(translated[key].message) !== placeholders(en[key].message))
        problems.push(`${language}: "${key}" has other placeholders`);
    }
    for (const key of Object.keys(translated)) if (!en[key]) problems.push(`${language}: "${key}" is not in English`);
  }
  const used = new Set(["name", "description"]);
  for (const file of await readdir(join(root, "src"), { recursive: true })) {
    if (file.endsWith(".ts"))
      for (const key of keysUsed(await readFile(join(root, "src", file), "utf8"), keys)) used.add(key);
  }
  for (const key of keys) if (!used.has(key)) problems.push(`"${key}" is not used`);
}

async function sizes() {
  const { extension, userscript } = await outputs();
  for (const [name, data] of [...extension, ...userscript]) {
    console.log(`${name}: ${(data.length / 1000).toFixed(1)} kB of ${LARGEST_SCRIPT / 1000}`);
    if (data.length > LARGEST_SCRIPT) problems.push(`${name} is too large`);
  }
  for (const [name, data] of existsSync(USERSCRIPT) ? userscript : []) {
    if (!data.equals(await readFile(join(USERSCRIPT, name))))
      problems.push(`the committed ${name} is not the built one: run npm run build and commit it`);
  }
}

await messages();
await sizes();
execFileSync(process.execPath, [join(root, "scripts/build.mjs"), "--out", join(root, "dist")], {
  stdio: "ignore",
});
const webExt = join(root, "node_modules/web-ext/bin/web-ext.js");
try {
  execFileSync(
    process.execPath,
    [webExt, "lint", "--warnings-as-errors", "--source-dir", join(root, "dist/firefox"), "--no-config-discovery"],
    { encoding: "utf8", stdio: "pipe" },
  );
} catch (error) {
  problems.push(`web-ext lint:\n${error.stdout}`);
}
for (const problem of problems) console.error(problem);
process.exit(problems.length ? 1 : 0);
