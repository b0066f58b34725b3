/** `npm run watch` in a copy of the addon, with Chromium running the extension from there. */

import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { cp, mkdtemp, readFile, rm, symlink, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join, resolve } from "node:path";
import { createInterface } from "node:readline";
import { afterAll, beforeAll, expect, it } from "vitest";
import { type FakeBackend, startBackend } from "../support/backend.mjs";
import { type Forum, startChromium } from "../support/browser.mjs";
import * as pages from "../support/pages.mjs";

const addon = resolve(import.meta.dirname, "../..");
let copy: string;
let watch: ChildProcess;
let output: AsyncIterator<string>;
let backend: FakeBackend;
let forum: Forum;

/** Waits for a line of the watch's output that begins with `start`. */
async function printed(start: string): Promise<void> {
  for (;;) {
    const { value, done } = await output.next();
    if (done) throw new Error(`the watch has ended before it printed: ${start}`);
    if (value.startsWith(start)) return;
  }
}

async function yearsShown(): Promise<string | null> {
  const page = await forum.page("/discussion/90001/cold-tyres", pages.classic({ posts: 1 }));
  const text = await page.locator("pitboard-stats .fact").first().textContent();
  await page.close();
  return text;
}

/** Without this, Chromium does not start an unpacked extension again after it has reloaded itself. */
async function developerMode(): Promise<void> {
  const page = await forum.context.newPage();
  await page.goto("chrome://extensions/");
  // a private API of this page: the switch "Developer mode"
  await page.evaluate("chrome.developerPrivate.updateProfileConfiguration({ inDeveloperMode: true })");
  await page.close();
}

beforeAll(async () => {
  copy = await mkdtemp(join(tmpdir(), "pitboard-watch-"));
  for (const part of ["src", "_locales", "icons", "flags", "scripts", "manifest.json", "package.json", "release.json"])
    await cp(join(addon, part), join(copy, part), { recursive: true });
  // so that the test can look into the shadow roots
  const roots = join(copy, "src/ui/shadow.ts");
  await writeFile(roots, (await readFile(roots, "utf8")).replace('"closed"', '"open"'));
  await symlink(join(addon, "node_modules"), join(copy, "node_modules"));
  watch = spawn(process.execPath, [join(copy, "scripts/watch.mjs")], { stdio: ["ignore", "pipe", "inherit"] });
  if (!watch.stdout) throw new Error("no output");
  output = createInterface({ input: watch.stdout })[Symbol.asyncIterator]();
  await printed("Watching");
  backend = await startBackend();
  forum = await startChromium(backend.url, { extension: join(copy, "dist/chromium") });
  await developerMode();
});

afterAll(async () => {
  await forum?.close();
  await backend?.close();
  if (watch?.kill()) await once(watch, "exit");
  await rm(copy, { recursive: true, force: true });
});

it("a changed source is built, and the loaded extension reloads itself and has the change", async () => {
  expect(await yearsShown()).toMatch(/^\d+ yr$/);
  const restarted = forum.context.waitForEvent("serviceworker");
  const english = join(copy, "_locales/en/messages.json");
  await writeFile(english, (await readFile(english, "utf8")).replace('"$1 yr"', '"$1 seasons"'));
  await printed("Built");
  expect(await readFile(join(copy, "dist/firefox/content.js"), "utf8")).toContain("$1 seasons");
  await restarted;
  expect(await yearsShown()).toMatch(/^\d+ seasons$/);
});
