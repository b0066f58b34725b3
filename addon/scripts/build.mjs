/**
 * Builds the three outputs from one source: dist/chromium and dist/firefox (folder and zip) and the userscript, which is
 * two files.
 *
 *   node scripts/build.mjs [--out FOLDER]    --out: where the userscript goes (default ../src/pitboard/local)
 */

import { createHash } from "node:crypto";
import { mkdir, readdir, readFile, rm, writeFile } from "node:fs/promises";
import { basename, dirname, join, resolve } from "node:path";
import { fileURLToPath } from "node:url";
import { deflateRawSync } from "node:zlib";
import { build, transform } from "esbuild";
import { zip } from "./zip.mjs";

export const root = resolve(dirname(fileURLToPath(import.meta.url)), "..");
const { version } = JSON.parse(await readFile(join(root, "package.json"), "utf8"));

/** Locale folders and their messages: `{en: {key: {message}}}`. */
export async function locales() {
  const names = (await readdir(join(root, "_locales"))).sort();
  const read = async (name) => [
    name,
    JSON.parse(await readFile(join(root, "_locales", name, "messages.json"), "utf8")),
  ];
  return Object.fromEntries(await Promise.all(names.map(read)));
}

/** Keys that a script uses, from its source or bundled: `"key"` or a template `prefix_${…}`. */
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

/** Gives scripts the messages they use (keys once, English plain, the others packed), surfaces and style sheets. */
const plugin = (used) => ({
  name: "pitboard",
  setup(on) {
    on.onResolve({ filter: /^virtual:/ }, ({ path }) => ({ path, namespace: "virtual" }));
    on.onLoad({ filter: /:surfaces$/, namespace: "virtual" }, async () => ({
      contents: await surfacesModule(),
      resolveDir: root,
    }));
    on.onLoad({ filter: /:messages$/, namespace: "virtual" }, async () => {
      const { en, ...others } = await locales();
      const keys = Object.keys(en)
        .filter((key) => used.has(key))
        .sort();
      const words = (messages) => keys.map((key) => messages[key].message).join("\n");
      const rest = Object.fromEntries(Object.entries(others).map(([name, messages]) => [name, words(messages)]));
      const packed = deflateRawSync(JSON.stringify(rest), { level: 9 }).toString("base64");
      return { contents: JSON.stringify({ keys: keys.join(" "), en: words(en), others: packed }), loader: "json" };
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

/** One bundled script, as text. The first pass finds out which words are left in it. */
async function script(entry, more = {}) {
  const settings = {
    absWorkingDir: root,
    entryPoints: [entry],
    bundle: true,
    write: false,
    format: "iife",
    target: ["chrome120", "firefox128"],
    charset: "utf8",
    minify: true,
    legalComments: "none",
  };
  const wordless = await build({ ...settings, plugins: [plugin(new Set())] });
  const used = new Set(keysUsed(wordless.outputFiles[0].text, Object.keys((await locales()).en)));
  const { outputFiles } = await build({ ...settings, plugins: [plugin(used)], ...more });
  return Buffer.from(outputFiles[0].contents);
}

/** The manifest for one browser: the other's keys are taken out. */
function manifestFor(browser, manifest) {
  const { browser_specific_settings, minimum_chrome_version, background, ...common } = manifest;
  return browser === "firefox"
    ? { ...common, version, background: { scripts: background.scripts }, browser_specific_settings }
    : { ...common, version, background: { service_worker: background.service_worker }, minimum_chrome_version };
}

async function packageFor(browser, scripts) {
  const manifest = JSON.parse(await readFile(join(root, "manifest.json"), "utf8"));
  const files = new Map(scripts);
  files.set("manifest.json", Buffer.from(`${JSON.stringify(manifestFor(browser, manifest), null, 2)}\n`));
  files.set("options.html", await readFile(join(root, "src/options/options.html")));
  for (const size of await readdir(join(root, "icons"))) {
    if (size.endsWith(".png")) files.set(`icons/${size}`, await readFile(join(root, "icons", size)));
  }
  // the scripts carry their own words; the browser needs the extension's name and description only
  for (const [language, { name, description }] of Object.entries(await locales())) {
    files.set(`_locales/${language}/messages.json`, Buffer.from(`${JSON.stringify({ name, description }, null, 2)}\n`));
  }
  const folder = join(root, "dist", browser);
  await rm(folder, { recursive: true, force: true });
  for (const [path, data] of files) {
    await mkdir(dirname(join(folder, path)), { recursive: true });
    await writeFile(join(folder, path), data);
  }
  await writeFile(join(root, "dist", `pitboard-${browser}-${version}.zip`), zip(files));
}

/**
 * The userscript, by file name: the script for the page, and the options dialog that it requires. The requirement names
 * the dialog's hash: managers that check it load nothing else, and each release has an address of its own.
 */
async function userscript() {
  const { en } = await locales();
  const options = await script("src/entries/dialog.ts", { globalName: "pitboardOptions" });
  const banner = (await readFile(join(root, "scripts/userscript.txt"), "utf8"))
    .replace("{version}", version)
    .replace("{description}", en.description.message)
    .replace("{options_hash}", createHash("sha256").update(options).digest("base64"));
  return new Map([
    ["pitboard.user.js", await script("src/entries/userscript.ts", { banner: { js: banner.trim() } })],
    ["pitboard-options.js", options],
  ]);
}

/** Where the committed userscript is: the local server hands it out. */
export const USERSCRIPT = resolve(root, "../src/pitboard/local");

/** All scripts, built, by file name: those of the extension, and those of the userscript. */
export async function outputs() {
  const extension = new Map([
    ["content.js", await script("src/entries/content.ts")],
    ["background.js", await script("src/entries/background.ts")],
    ["options.js", await script("src/entries/options.ts")],
  ]);
  return { extension, userscript: await userscript() };
}

if (process.argv[1] === fileURLToPath(import.meta.url)) {
  const out = process.argv.indexOf("--out");
  const made = await outputs();
  await packageFor("chromium", made.extension);
  await packageFor("firefox", made.extension);
  const folder = out > 0 ? resolve(process.argv[out + 1]) : USERSCRIPT;
  for (const [name, data] of made.userscript) await writeFile(join(folder, name), data);
  for (const [name, data] of [...made.extension, ...made.userscript]) {
    console.log(name.padEnd(20), (data.length / 1000).toFixed(1), "kB");
  }
}
