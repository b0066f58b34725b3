/**
 * Builds all outputs: dist/chromium and dist/firefox (folder and zip each) and the userscript (two files). The local
 * server hands out the userscript and both zips; they are committed in ../src/pitboard/addon.
 *
 *   node scripts/build.mjs [--out FOLDER]    --out: a folder instead of ../src/pitboard/addon, or of dist/userscript
 *   where that is not, as in the source archive
 */

import { createHash } from "node:crypto";
import { existsSync } from "node:fs";
import { mkdir, readdir, readFile, rm, writeFile } from "node:fs/promises";
import { basename, dirname, join, resolve } from "node:path";
import { fileURLToPath } from "node:url";
import { deflateRawSync } from "node:zlib";
import { build, transform } from "esbuild";
import { settings } from "./settings.mjs";
import { unzip, zip } from "./zip.mjs";

export const root = resolve(dirname(fileURLToPath(import.meta.url)), "..");
const { version } = JSON.parse(await readFile(join(root, "package.json"), "utf8"));

/** All messages: `{en: {key: {message}}}`. */
export async function locales() {
  const names = (await readdir(join(root, "_locales"))).sort();
  const read = async (name) => [
    name,
    JSON.parse(await readFile(join(root, "_locales", name, "messages.json"), "utf8")),
  ];
  return Object.fromEntries(await Promise.all(names.map(read)));
}

/** The message keys that a script uses, source or bundle: `"key"`, or a template `prefix_${…}`. */
export function keysUsed(source, keys) {
  const prefixes = [...source.matchAll(/`(\w+_)\$\{/g)].map((match) => match[1]);
  return keys.filter((key) => source.includes(`"${key}"`) || prefixes.some((prefix) => key.startsWith(prefix)));
}

/** A module whose default export is the list of surfaces: each file in src/site/surfaces, with its name as id. */
export async function surfacesModule() {
  const folder = join(root, "src/site/surfaces");
  const files = (await readdir(folder)).filter((name) => name.endsWith(".ts")).sort();
  const imports = files.map((name, i) => `import s${i} from ${JSON.stringify(join(folder, name))};`);
  const entries = files.map((name, i) => `{ id: ${JSON.stringify(basename(name, ".ts"))}, ...s${i} }`);
  return `${imports.join("\n")}\nexport default [${entries.join(", ")}];`;
}

/** What the options page says of the surfaces: without their code, which only forum pages need. */
async function surfaceNamesModule() {
  const folder = join(root, "src/site/surfaces");
  const names = (await readdir(folder)).filter((name) => name.endsWith(".ts")).sort();
  const facts = names.map(async (name) => {
    const source = await readFile(join(folder, name), "utf8");
    const [order, byDefault] = [/^ {2}order: (\d+),$/m, /^ {2}byDefault: (true|false),$/m].map(
      (p) => p.exec(source)?.[1],
    );
    if (!order || !byDefault) throw new Error(`${name} has no plain order or byDefault`);
    return { id: basename(name, ".ts"), order: Number(order), byDefault: byDefault === "true" };
  });
  return (await Promise.all(facts)).sort((a, b) => a.order - b.order);
}

/**
 * Gives scripts the messages in `used` (keys once, English plain, the others packed), surfaces and style sheets.
 * `english`: without the other languages.
 */
const plugin = (used, english) => ({
  name: "pitboard",
  setup(on) {
    on.onResolve({ filter: /^virtual:/ }, ({ path }) => ({ path, namespace: "virtual" }));
    on.onLoad({ filter: /:surfaces$/, namespace: "virtual" }, async () => ({
      contents: await surfacesModule(),
      resolveDir: root,
    }));
    on.onLoad({ filter: /:surface-names$/, namespace: "virtual" }, async () => ({
      contents: JSON.stringify(await surfaceNamesModule()),
      loader: "json",
    }));
    on.onLoad({ filter: /:messages$/, namespace: "virtual" }, async () => {
      const { en, ...others } = await locales();
      const keys = Object.keys(en)
        .filter((key) => used.has(key))
        .sort();
      const texts = (messages) => keys.map((key) => messages[key].message).join("\n");
      const rest = Object.fromEntries(Object.entries(others).map(([name, messages]) => [name, texts(messages)]));
      const packed = english ? "" : deflateRawSync(JSON.stringify(rest), { level: 9 }).toString("base64");
      return { contents: JSON.stringify({ keys: keys.join(" "), en: texts(en), others: packed }), loader: "json" };
    });
    on.onLoad({ filter: /\.css$/ }, async ({ path }) => {
      const { code } = await transform(await readFile(path, "utf8"), {
        loader: "css",
        minify: true,
        target: "chrome120",
      });
      return { contents: code.trim(), loader: "text" };
    });
  },
});

/** Bundles a script. `more` are more settings of esbuild. */
async function bundle(entry, messages, more = {}) {
  const { outputFiles } = await build({
    absWorkingDir: root,
    entryPoints: [entry],
    bundle: true,
    write: false,
    format: "iife",
    target: ["chrome120", "firefox128"],
    charset: "utf8",
    minify: true,
    legalComments: "none",
    plugins: [messages],
    ...more,
  });
  return Buffer.from(outputFiles[0].contents);
}

/** The keys of the messages that a script uses: a build without messages tells them. */
async function keysOf(entry) {
  const source = await bundle(entry, plugin(new Set(), true));
  return keysUsed(source.toString(), Object.keys((await locales()).en));
}

/** A bundled script with the messages that it uses. */
const script = async (entry, more) => bundle(entry, plugin(new Set(await keysOf(entry)), false), more);

/** The manifest for one browser, without the keys that are only for the other. */
function manifestFor(browser, manifest) {
  const { browser_specific_settings, minimum_chrome_version, background, ...rest } = manifest;
  const common = settings.homepage ? { ...rest, homepage_url: settings.homepage } : rest;
  const gecko = { id: settings.firefoxId, ...browser_specific_settings.gecko };
  if (settings.firefoxUpdates) gecko.update_url = settings.firefoxUpdates;
  const firefox = { ...browser_specific_settings, gecko };
  return browser === "firefox"
    ? { ...common, version, background: { scripts: background.scripts }, browser_specific_settings: firefox }
    : { ...common, version, background: { service_worker: background.service_worker }, minimum_chrome_version };
}

const json = (value) => Buffer.from(`${JSON.stringify(value, null, 2)}\n`);

/** The extension's pages with the same head, and the scripts of each. */
const PAGES = { options: ["words", "options"], welcome: ["words", "welcome"], notes: ["notes"] };

async function htmlOf(page) {
  const html = await readFile(join(root, "src/options/page.html"), "utf8");
  const scripts = PAGES[page].map(
    (name) => `<script src="${name}.js"${name === page ? ' type="module"' : ""}></script>`,
  );
  return Buffer.from(html.replace("{page}", page).replace("{scripts}", scripts.join("\n")));
}

/** All files of the extension for one browser, by path. */
export async function filesFor(browser, scripts) {
  const files = new Map(scripts);
  const manifest = JSON.parse(await readFile(join(root, "manifest.json"), "utf8"));
  files.set("manifest.json", json(manifestFor(browser, manifest)));
  for (const page of Object.keys(PAGES)) files.set(`${page}.html`, await htmlOf(page));
  files.set("demo.html", await readFile(join(root, "src/demo/demo.html")));
  files.set("flags.webp", await readFile(join(root, "flags/flags.webp")));
  files.set("flags-LICENSE.txt", await readFile(join(root, "flags/LICENSE.txt")));
  for (const icon of await readdir(join(root, "icons"))) {
    if (icon.endsWith(".png")) files.set(`icons/${icon}`, await readFile(join(root, "icons", icon)));
  }
  // the scripts have their own messages: the browser needs only the extension's name and description
  for (const [language, { name, description }] of Object.entries(await locales())) {
    files.set(`_locales/${language}/messages.json`, json({ name, description }));
  }
  return files;
}

/** Writes files by path into dist/FOLDER, in their order. */
export async function writeInto(folder, files) {
  for (const [path, data] of files) {
    const target = join(root, "dist", folder, path);
    await mkdir(dirname(target), { recursive: true });
    await writeFile(target, data);
  }
}

async function packageFor(browser, scripts, out) {
  const files = await filesFor(browser, scripts);
  await rm(join(root, "dist", browser), { recursive: true, force: true });
  await writeInto(browser, files);
  await writeFile(join(root, "dist", `pitboard-${browser}-${version}.zip`), zip(files));
  if (!(await isPacked(browser, files, out))) await writeFile(join(out, zipName(browser)), zip(files));
}

const zipName = (browser) => `pitboard-${browser}.zip`;

/** Whether the zip in a folder has these files. Its bytes are not compared: another Node.js may pack them otherwise. */
export async function isPacked(browser, files, folder) {
  const packed = unzip(await readFile(join(folder, zipName(browser))).catch(() => Buffer.alloc(4)));
  return files.size === packed.size && [...files].every(([name, data]) => packed.get(name)?.equals(data));
}

/** The scripts of pages of the extension, without messages, and `words.js` with the messages of all. */
async function pageScripts(...names) {
  const entries = names.map((name) => [`${name}.js`, `src/entries/${name}.ts`]);
  const used = (await Promise.all(entries.map(([, entry]) => keysOf(entry)))).flat();
  const words = await bundle("src/entries/words.ts", plugin(new Set(used), false), { globalName: "pitboardWords" });
  const scripts = entries.map(async ([file, entry]) => [file, await bundle(entry, plugin(new Set(), true))]);
  return [["words.js", words], ...(await Promise.all(scripts))];
}

/**
 * Makes Chromium compile all functions of a script when it is loaded, before the page is parsed. Else each is compiled at
 * its first call, and most are called just before the first frame with posts. The whole takes as long.
 */
const EAGER = { banner: { js: "//# allFunctionsCalledOnLoad" } };

/** The extension's scripts, by file name. `background` are more settings of esbuild for the background. */
export async function extensionScripts(background = {}) {
  return new Map([
    ["content.js", await script("src/entries/content.ts", EAGER)],
    ["card.js", await script("src/entries/card.ts", { globalName: "pitboardCard" })],
    ["background.js", await script("src/entries/background.ts", background)],
    ...(await pageScripts("options", "welcome")),
    ["notes.js", await script("src/entries/notes.ts")],
    ["demo.js", await script("src/entries/demo.ts")],
  ]);
}

/** The header's lines with the publisher's pages. */
function pages() {
  const lines = [
    ["@homepageURL", settings.homepage],
    ["@supportURL", settings.support],
  ];
  return lines.map(([key, url]) => (url ? `// ${key.padEnd(12)} ${url}\n` : "")).join("");
}

const hash = (data) => createHash("sha256").update(data).digest("base64");

/**
 * The userscript's scripts, by file name: the one for the page, and those that it requires, the card and the options
 * dialog, which has the translations of all. It names their hashes: managers that check the hash load nothing else, and
 * each release has its own addresses.
 */
async function userscript() {
  const { en } = await locales();
  const [page, dialog, card] = ["userscript", "dialog", "user-card"].map((name) => `src/entries/${name}.ts`);
  const [own, inCard] = [await keysOf(page), await keysOf(card)];
  const all = new Set([...own, ...inCard, ...(await keysOf(dialog))]);
  const details = await bundle(card, plugin(new Set(inCard), true), { globalName: "pitboardCard" });
  const options = await bundle(dialog, plugin(all, false), { globalName: "pitboardOptions" });
  const banner = (await readFile(join(root, "scripts/userscript.txt"), "utf8"))
    .replace("{version}", version)
    .replace("{addresses}\n", pages())
    .replace("{description}", en.description.message)
    .replace("{card_hash}", hash(details))
    .replace("{options_hash}", hash(options));
  return new Map([
    ["pitboard.user.js", await bundle(page, plugin(new Set(own), true), { banner: { js: banner.trim() } })],
    ["pitboard-card.js", details],
    ["pitboard-options.js", options],
  ]);
}

/** The folder of the committed userscript and zips: the local server sends them from there. */
export const USERSCRIPT = resolve(root, "../src/pitboard/addon");

/** All scripts, by file name: those of the extension and those of the userscript. */
export const outputs = async () => ({ extension: await extensionScripts(), userscript: await userscript() });

if (process.argv[1] === fileURLToPath(import.meta.url)) {
  const out = process.argv.indexOf("--out");
  const { extension, userscript } = await outputs();
  // the source archive has the addon alone
  const own = existsSync(USERSCRIPT) ? USERSCRIPT : join(root, "dist/userscript");
  const folder = out > 0 ? resolve(process.argv[out + 1]) : own;
  await mkdir(folder, { recursive: true });
  await packageFor("chromium", extension, folder);
  await packageFor("firefox", extension, folder);
  for (const [name, data] of userscript) await writeFile(join(folder, name), data);
  for (const [name, data] of [...extension, ...userscript]) {
    console.log(name.padEnd(20), (data.length / 1000).toFixed(1), "kB");
  }
}
