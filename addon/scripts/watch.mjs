/**
 * Builds dist/chromium and dist/firefox again when a source changes, and an extension that was loaded from there reloads
 * itself: `npm run watch`. No zips are made, because these builds have scripts/reload.js in them.
 */

import { watch } from "node:fs";
import { join } from "node:path";
import { extensionScripts, filesFor, root, writeInto } from "./build.mjs";

/** Editors make several events when they save a file. */
const DELAY = 50;

async function build() {
  const started = Date.now();
  const stamp = String(started);
  try {
    const scripts = await extensionScripts({
      inject: [join(root, "scripts/reload.js")],
      define: { BUILD: JSON.stringify(stamp) },
    });
    for (const browser of ["chromium", "firefox"]) {
      // build.txt is written last, because the extension reloads when it changes
      await writeInto(browser, (await filesFor(browser, scripts)).set("build.txt", stamp));
    }
    console.log(`Built in ${Date.now() - started} ms. Reload the forum's page to see the change.`);
  } catch (error) {
    // a mistake in a source: esbuild has printed it, or it is in a file that esbuild does not read
    if (!error.errors) console.error(error);
  }
}

let timer;
let building = build();

function changed() {
  clearTimeout(timer);
  timer = setTimeout(() => {
    building = building.then(build);
  }, DELAY);
}

for (const folder of ["src", "_locales", "icons"]) watch(join(root, folder), { recursive: true }, changed);
watch(root, (_, name) => name === "manifest.json" && changed());

await building;
console.log("Watching. Load dist/chromium (chrome://extensions) or dist/firefox/manifest.json (about:debugging).");
