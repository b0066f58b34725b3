/**
 * Makes what the shops need, in dist/: `npm run release`. Builds twice and compares, makes the source archive for
 * addons.mozilla.org (it asks for one because the scripts are minified) and builds that as its reviewers would, makes the
 * texts and the privacy page, and lists the checksums. Ends with 1 if release.json has settings that the shops refuse.
 */

import { execFileSync } from "node:child_process";
import { createHash } from "node:crypto";
import { mkdir, mkdtemp, readdir, readFile, rm, symlink, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { outputs, root } from "./build.mjs";
import { htmlOf } from "./html.mjs";
import { refusals, settings } from "./settings.mjs";
import { zip } from "./zip.mjs";

const dist = join(root, "dist");
const { version } = JSON.parse(await readFile(join(root, "package.json"), "utf8"));
const run = (script, folder = root) =>
  execFileSync(process.execPath, [join(folder, "scripts", script)], { cwd: folder, stdio: "inherit" });

/** Checksums of the zips in a folder. */
async function checksums(folder) {
  const names = (await readdir(folder)).filter((name) => name.endsWith(`-${version}.zip`)).sort();
  const sum = async (name) =>
    createHash("sha256")
      .update(await readFile(join(folder, name)))
      .digest("hex");
  return (await Promise.all(names.map(async (name) => `${await sum(name)}  ${name}\n`))).join("");
}

/** The files of the source archive: all committed ones, and the licence. */
export async function sources() {
  const names = execFileSync("git", ["ls-files"], { cwd: root, encoding: "utf8" }).trim().split("\n");
  const files = await Promise.all(names.map(async (name) => [`addon/${name}`, await readFile(join(root, name))]));
  return new Map([...files, ["addon/LICENSE", await readFile(join(root, "../LICENSE"))]]);
}

/** Builds the source archive in a folder of its own, with the tools that are here. Gives the checksums of its zips. */
export async function builtFromSources(files) {
  const folder = await mkdtemp(join(tmpdir(), "pitboard-source-"));
  try {
    for (const [path, data] of files) {
      await mkdir(dirname(join(folder, path)), { recursive: true });
      await writeFile(join(folder, path), data);
    }
    await symlink(join(root, "node_modules"), join(folder, "addon/node_modules"));
    run("build.mjs", join(folder, "addon"));
    return await checksums(join(folder, "addon/dist"));
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
}

/** The texts with the publisher's addresses, and the privacy page. */
async function texts() {
  const listing = await readFile(join(root, "shop/listing.md"), "utf8");
  const filled = listing.replace(/\{(homepage|support|privacy)\}/g, (_, name) => settings[name] || `(no ${name} yet)`);
  await writeFile(join(dist, "listing.md"), filled);
  await writeFile(join(dist, "privacy.html"), htmlOf(await readFile(join(root, "shop/privacy.md"), "utf8")));
}

/** The userscript for an address of the publisher's, where it is installed from and updates itself. */
async function published() {
  const { userscript } = await outputs();
  await mkdir(join(dist, "userscript"), { recursive: true });
  for (const [name, data] of userscript) {
    const here = name === "pitboard.user.js" && settings.userscript;
    const moved = here
      ? data
          .toString()
          .replace(/^(\/\/ @(?:downloadURL|updateURL|require) +)http:\/\/[^/]+/gm, `$1${settings.userscript}`)
      : data;
    await writeFile(join(dist, "userscript", name), moved);
  }
}

async function release() {
  run("build.mjs");
  const first = await checksums(dist);
  run("build.mjs");
  if ((await checksums(dist)) !== first) throw new Error("two builds gave different bytes");
  const files = await sources();
  const theirs = await builtFromSources(files);
  for (const line of theirs.split("\n")) if (!first.includes(line)) throw new Error(`the source archive gives ${line}`);
  await writeFile(join(dist, `pitboard-source-${version}.zip`), zip(files));
  await texts();
  await published();
  run("check.mjs");
  const sums = await checksums(dist);
  await writeFile(join(dist, "SHA256SUMS"), sums);
  console.log(`\n${sums}`);
  const open = refusals(settings);
  for (const sentence of open) console.error(sentence);
  if (open.length) console.error("The shops would refuse this release.");
  process.exitCode = open.length ? 1 : 0;
}

if (process.argv[1] === import.meta.filename) await release();
