/** The built extension in Debian's Chromium, on pages with the forum's address. */

import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join, resolve } from "node:path";
import { chromium } from "playwright-core";

const built = resolve(import.meta.dirname, "../../dist/chromium");

/**
 * @param backend the address in the extension's options
 * @param settings `extension`: the folder of the extension, or false for none
 * @returns `page(path, html)` opens a page at https://forums.iracing.com{path}
 */
export async function startChromium(backend, { options = {}, width = 1000, height = 900, extension = built } = {}) {
  const folder = await mkdtemp(join(tmpdir(), "pitboard-"));
  const context = await chromium.launchPersistentContext(folder, {
    executablePath: "/usr/bin/chromium",
    headless: true,
    viewport: { width, height },
    timezoneId: "Europe/Amsterdam",
    ignoreDefaultArgs: ["--disable-extensions"],
    args: extension
      ? [`--disable-extensions-except=${extension}`, `--load-extension=${extension}`, "--no-sandbox"]
      : ["--no-sandbox"],
  });
  if (!extension)
    return { context, close: () => context.close().then(() => rm(folder, { recursive: true, force: true })) };
  const worker = context.serviceWorkers()[0] ?? (await context.waitForEvent("serviceworker"));
  const setOptions = (changed) => worker.evaluate((value) => chrome.storage.sync.set({ options: value }), changed);
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
