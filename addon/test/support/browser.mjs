/** The built extension in Debian's Chromium, on pages with the forum's address. */

import { cp, mkdtemp, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join, resolve } from "node:path";
import { chromium } from "playwright-core";

const built = resolve(import.meta.dirname, "../../dist/chromium");

/** A copy of a built extension whose shadow roots are open, so that tests can look into them. */
export async function opened(extension, folder) {
  await cp(extension, folder, { recursive: true });
  for (const script of ["content.js", "card.js", "options.js", "welcome.js", "demo.js"]) {
    const source = await readFile(join(folder, script), "utf8");
    if (!source.includes(CLOSED)) throw new Error(`${script} has no closed shadow root`);
    await writeFile(join(folder, script), source.replaceAll(CLOSED, OPEN));
  }
  return folder;
}

/** How a minified script makes a closed root, and an open one. */
export const CLOSED = 'mode:"closed"';
export const OPEN = 'mode:"open"';

/**
 * @param backend the address in the extension's options
 * @param settings `extension`: the folder of the extension, or false for none; `sealed`: the built one as it is; `flags`:
 * more arguments for Chromium
 * @returns `page(path, html)` opens a page at https://forums.iracing.com{path}
 */
export async function startChromium(
  backend,
  { options = {}, width = 1000, height = 900, extension, sealed, flags = [] } = {},
) {
  const folder = await mkdtemp(join(tmpdir(), "pitboard-"));
  if (sealed) extension = built;
  else extension ??= await opened(built, join(folder, "extension"));
  const context = await chromium.launchPersistentContext(join(folder, "profile"), {
    executablePath: "/usr/bin/chromium",
    headless: true,
    viewport: { width, height },
    timezoneId: "Europe/Amsterdam",
    ignoreDefaultArgs: ["--disable-extensions"],
    args: [
      "--no-sandbox",
      ...flags,
      ...(extension ? [`--disable-extensions-except=${extension}`, `--load-extension=${extension}`] : []),
    ],
  });
  if (!extension)
    return { context, close: () => context.close().then(() => rm(folder, { recursive: true, force: true })) };
  const worker = context.serviceWorkers()[0] ?? (await context.waitForEvent("serviceworker"));
  // only if they are others: the browser takes 120 writes a minute, and quick tests would make more
  const setOptions = (changed) =>
    worker.evaluate(async (options) => {
      const stored = await chrome.storage.sync.get("options");
      if (JSON.stringify(stored.options) !== JSON.stringify(options)) await chrome.storage.sync.set({ options });
    }, changed);
  await setOptions({ backend, ...options });
  let served = "";
  await context.route("https://forums.iracing.com/**", (route) =>
    route.fulfill({ contentType: "text/html", body: served }),
  );
  return {
    context,
    worker,
    setOptions,
    id: new URL(worker.url()).host,
    async page(path, html, windowWidth = width) {
      served = html;
      const page = await context.newPage();
      if (windowWidth !== width) await page.setViewportSize({ width: windowWidth, height });
      await page.goto(`https://forums.iracing.com${path}`);
      return page;
    },
    async close() {
      await context.close();
      await rm(folder, { recursive: true, force: true });
    },
  };
}
