/**
 * Makes what the shops need, in dist/: `npm run release`. Builds twice and compares, makes the source archive for
 * addons.mozilla.org (it asks for one because the scripts are minified), and lists the checksums.
 */

import { execFileSync } from "node:child_process";
import { createHash } from "node:crypto";
import { readdir, readFile, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { root } from "./build.mjs";
import { zip } from "./zip.mjs";

const dist = join(root, "dist");
const { version } = JSON.parse(await readFile(join(root, "package.json"), "utf8"));
const run = (script) => execFileSync(process.execPath, [join(root, "scripts", script)], { stdio: "inherit" });

/** Checksums of the zips. */
async function checksums() {
  const names = (await readdir(dist)).filter((name) => name.endsWith(`-${version}.zip`)).sort();
  const sum = async (name) =>
    createHash("sha256")
      .update(await readFile(join(dist, name)))
      .digest("hex");
  return (await Promise.all(names.map(async (name) => `${await sum(name)}  ${name}\n`))).join("");
}

/** The source archive: all committed files, to build the same bytes with `npm ci && npm run build`. */
async function sources() {
  const names = execFileSync("git", ["ls-files"], { cwd: root, encoding: "utf8" }).trim().split("\n");
  const files = await Promise.all(names.map(async (name) => [`addon/${name}`, await readFile(join(root, name))]));
  await writeFile(join(dist, `pitboard-source-${version}.zip`), zip(new Map(files)));
}

run("build.mjs");
await sources();
const first = await checksums();
run("build.mjs");
await sources();
if ((await checksums()) !== first) throw new Error("two builds gave different bytes");
run("check.mjs");
await writeFile(join(dist, "SHA256SUMS"), first);
console.log(`\n${first}`);
