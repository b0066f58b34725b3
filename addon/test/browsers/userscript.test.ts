/**
 * The userscript in Chromium's userScripts world, with the GM functions of a script manager, on a page in the public
 * address space: the same rules as with a real manager.
 */

import { mkdir, mkdtemp, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join, resolve } from "node:path";
import { type BrowserContext, chromium, type Page } from "playwright-core";
import { afterAll, beforeAll, expect, it } from "vitest";
import { type FakeBackend, startBackend } from "../support/backend.mjs";
import { CLOSED, OPEN } from "../support/browser.mjs";
import * as pages from "../support/pages.mjs";

const FOLDER = resolve(import.meta.dirname, "../../../src/pitboard/addon");
const USERSCRIPT = join(FOLDER, "pitboard.user.js");

/** What a manager runs: the scripts that the userscript requires, then the userscript. */
async function scripts(): Promise<string[]> {
  const script = await readFile(USERSCRIPT, "utf8");
  const required = [...script.matchAll(/^\/\/ @require +(\S+)/gm)].map(([, url]) => new URL(url ?? "").pathname);
  const sources = [...(await Promise.all(required.map((path) => readFile(join(FOLDER, path), "utf8")))), script];
  return sources.map((source) => source.replaceAll(CLOSED, OPEN));
}

/** What a manager adds before a script: functions that use its background for requests and storage. */
const GM = `
var GM = {
  xmlHttpRequest: (request) => chrome.runtime.sendMessage({ get: request.url }).then((reply) =>
    reply.error ? request.onerror() : request.onload(reply)),
  getValue: (key) => chrome.runtime.sendMessage({ read: key }),
  setValue: (key, value) => chrome.runtime.sendMessage({ write: key, value }),
  registerMenuCommand: (label, run) => { document.addEventListener("pitboard-test-menu", run); },
};`;

const MANAGER = `
chrome.runtime.onUserScriptMessage.addListener((message, sender, respond) => {
  if (message.get) {
    fetch(message.get).then(async (response) => respond({ status: response.status, responseText: await response.text(), responseHeaders: "" }), () => respond({ error: true }));
  } else if (message.read) chrome.storage.local.get(message.read).then((found) => respond(found[message.read]));
  else if (message.write) chrome.storage.local.set({ [message.write]: message.value }).then(() => respond());
  return true;
});`;

let folder: string;
let backend: FakeBackend;
let context: BrowserContext;

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), "pitboard-userscript-"));
  const manager = join(folder, "manager");
  await mkdir(manager, { recursive: true });
  await writeFile(
    join(manager, "manifest.json"),
    JSON.stringify({
      manifest_version: 3,
      name: "harness",
      version: "1",
      permissions: ["userScripts", "storage"],
      host_permissions: ["<all_urls>"],
      background: { service_worker: "manager.js" },
    }),
  );
  await writeFile(join(manager, "manager.js"), MANAGER);
  backend = await startBackend();
  context = await chromium.launchPersistentContext(join(folder, "profile"), {
    executablePath: "/usr/bin/chromium",
    headless: true,
    viewport: { width: 1000, height: 900 },
    ignoreDefaultArgs: ["--disable-extensions"],
    args: [`--disable-extensions-except=${manager}`, `--load-extension=${manager}`, "--no-sandbox"],
  });
  const first = context.serviceWorkers()[0] ?? (await context.waitForEvent("serviceworker"));
  const id = new URL(first.url()).host;
  const restarted = context.waitForEvent("serviceworker", { timeout: 5000 }).catch(() => first);
  const settings = await context.newPage();
  await settings.goto("chrome://extensions/");
  await settings.evaluate(
    (extensionId) =>
      // @ts-expect-error a private API of this page: the switch "Allow user scripts"
      chrome.developerPrivate.updateExtensionConfiguration({ extensionId, userScriptsAccess: true }),
    id,
  );
  const worker = await restarted;
  const sources = (await scripts()).map((source) => source.replaceAll("http://127.0.0.1:8765", backend.url));
  await worker.evaluate(
    async (codes) => {
      // biome-ignore lint/suspicious/noExplicitAny: the harness' own browser API
      const { userScripts } = (globalThis as any).chrome;
      await userScripts.configureWorld({ messaging: true });
      await userScripts.register([
        {
          id: "pitboard",
          matches: ["https://forums.iracing.com/*"],
          js: codes.map((code) => ({ code })),
          runAt: "document_start",
          world: "USER_SCRIPT",
        },
      ]);
    },
    [GM, ...sources],
  );
});

afterAll(async () => {
  await context?.close();
  await backend?.close();
  await rm(folder, { recursive: true, force: true });
});

it("the userscript shows stats, the card and the options dialog, and stores what is changed there", async () => {
  await context.route("https://forums.iracing.com/**", (route) =>
    route.fulfill({ contentType: "text/html", body: pages.classic() }),
  );
  const page = await context.newPage();
  const settled = () =>
    page.waitForFunction(
      () =>
        [...document.querySelectorAll<HTMLElement>("pitboard-stats")].filter((h) => h.dataset.state === "fresh")
          .length >= 30,
    );
  await page.goto("https://forums.iracing.com/discussion/90001/x");
  await settled();
  expect(backend.state.asked).toHaveLength(1);
  await page.locator("pitboard-stats .open").first().click();
  await page.locator("pitboard-card .chart").waitFor();
  await page.keyboard.press("Escape");
  await page.evaluate(() => document.dispatchEvent(new Event("pitboard-test-menu")));
  await page.locator("pitboard-options #hideRatings").check();
  await page.locator("pitboard-options #test").click();
  await expect.poll(() => page.locator("pitboard-options #finding").textContent()).toContain("Works");
  await page.locator("pitboard-options #language").selectOption("de");
  await page.locator("pitboard-options").getByRole("dialog", { name: "Pitboard-Einstellungen" }).waitFor();
  await page.locator("pitboard-options").getByRole("button", { name: "Schließen" }).click();
  await page.locator("pitboard-options").waitFor({ state: "detached" });
  await page.reload();
  await settled();
  expect(await page.locator("pitboard-stats .ir").count()).toBe(0);
  await page.locator('pitboard-stats .open[aria-label^="Details zeigen: "]').first().waitFor();
  expect(backend.state.calls.map(({ names, profile }) => [names.length, profile])).toEqual([
    [20, false],
    [1, true],
  ]);
});

/** The userscript without its card. */
async function withoutCard(): Promise<string> {
  const [, options, userscript] = await scripts();
  return `${options}\n${userscript}`;
}

/** Opens a page of three posts that names its backend, with `scripts` on it. */
async function demo(page: Page, content: string): Promise<void> {
  await page.route(`${backend.url}/demo*`, async (route) => {
    const file = new URL(route.request().url()).pathname.endsWith(".js");
    if (file) return route.fulfill({ contentType: "text/javascript", body: await withoutCard() });
    const body = pages.classic({ posts: 3 }).replace("</body>", `${content}</body>`);
    return route.fulfill({ contentType: "text/html", body });
  });
  await page.goto(`${backend.url}/demo`);
  await page.waitForFunction(
    () =>
      [...document.querySelectorAll<HTMLElement>("pitboard-stats")].filter((h) => h.dataset.state === "fresh")
        .length === 3,
  );
}

const named = () => `window.pitboardDemo = { backend: ${JSON.stringify(backend.url)} };`;

it("the userscript runs without a manager on a page that names its backend, and says that its card is missing", async () => {
  const page = await context.newPage();
  await demo(page, `<script>${named()}</script><script src="/demo.js" defer></script>`);
  const warning = page.waitForEvent("console", (message) => message.text().includes("Install the userscript again"));
  await page.locator("pitboard-stats .open").first().click();
  await warning;
});

it("the userscript may start before the page has a root element, as with some managers", async () => {
  const page = await context.newPage();
  await page.addInitScript(`window.rootless = !document.documentElement; ${named()}\n${await withoutCard()}`);
  await demo(page, "");
  expect(await page.evaluate("window.rootless")).toBe(true);
});
