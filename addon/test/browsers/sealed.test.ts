/**
 * The built extension as it is, on a page whose scripts try to read a private note, to press a button and to change an
 * option.
 */

import { afterAll, beforeAll, describe, expect, it, vi } from "vitest";
import { type FakeBackend, startBackend } from "../support/backend.mjs";
import { startChromium } from "../support/browser.mjs";
import { startFirefox } from "../support/firefox.mjs";
import { classic } from "../support/pages.mjs";

const SECRET = "xyzzy";
const TAG = "plugh";

/** A page that writes down whatever its scripts can learn, from the start. */
const SPY = `<script nonce="x">
window.seen = [];
const note = (what) => window.seen.push(String(what));
for (const name of ["keydown", "keypress", "keyup", "beforeinput", "input", "change", "paste", "copy"])
  for (const target of [window, document])
    target.addEventListener(name, (e) => note(name + " " + e.key + " " + e.data + " " + (e.composedPath()[0].value ?? "")), true);
const attach = Element.prototype.attachShadow;
Element.prototype.attachShadow = function (init) { const root = attach.call(this, { ...init, mode: "open" }); note("root"); return root; };
window.look = () => {
  for (const host of document.querySelectorAll("pitboard-stats, pitboard-card, pitboard-banner")) {
    note(host.shadowRoot?.textContent ?? "");
    note(host.outerHTML + host.innerText + host.textContent);
  }
  getSelection().selectAllChildren(document.body);
  note(getSelection());
  note(document.body.innerText);
  note(document.activeElement?.value ?? "");
  note(JSON.stringify({ ...localStorage }) + JSON.stringify({ ...sessionStorage }));
  getSelection().removeAllRanges();
};
/** Clicks and keys at all places of the window and on all hosts. */
window.press = () => {
  const hosts = [...document.querySelectorAll("pitboard-stats, pitboard-card, pitboard-banner")];
  for (let x = 5; x < innerWidth; x += 12) for (let y = 5; y < innerHeight; y += 12) hosts.push(document.elementFromPoint(x, y));
  for (const host of new Set(hosts.filter((h) => h?.localName.startsWith("pitboard-")))) {
    host.click();
    for (const type of ["pointerdown", "mousedown", "mouseup", "click"])
      host.dispatchEvent(new MouseEvent(type, { bubbles: true, composed: true, clientX: 200, clientY: 200 }));
    host.dispatchEvent(new KeyboardEvent("keydown", { key: "Enter", bubbles: true, composed: true }));
  }
};
</script>`;

interface Tab {
  evaluate<T>(run: string): Promise<T>;
  mouse: { click(x: number, y: number): Promise<void> };
}

interface Browser {
  page(path: string, html: string): Promise<unknown>;
  close(): Promise<void>;
  /** Runs code in a page or the background of the extension. */
  inside(code: string): Promise<unknown>;
}

const BROWSERS: Record<string, (backend: string) => Promise<Browser>> = {
  Chromium: async (backend) => {
    const forum = await startChromium(backend, { sealed: true });
    return { ...forum, inside: (code) => forum.worker.evaluate(code.replaceAll("browser.", "chrome.")) };
  },
  Firefox: async (backend) => {
    const firefox = await startFirefox(backend, { sealed: true });
    const options = await firefox.options();
    return { ...firefox, inside: (code) => options.evaluate(code) };
  },
};

describe.each(Object.entries(BROWSERS))("in %s, scripts of the page", (_, start) => {
  let backend: FakeBackend;
  let browser: Browser;
  let page: Tab;
  const seen = async () => (await page.evaluate<string[]>("window.seen")).join();
  const until = (code: string) => expect.poll(() => page.evaluate(code));
  const cards = "document.querySelectorAll('pitboard-card').length";
  const stored = () =>
    browser.inside("Promise.all([browser.storage.sync.get('options'), browser.storage.local.get('notes')])");

  beforeAll(async () => {
    backend = await startBackend();
    browser = await start(backend.url);
    const notes = { "ann tester": { text: SECRET, tags: [TAG] } };
    await browser.inside(`browser.storage.local.set(${JSON.stringify({ notes })})`);
    page = (await browser.page("/discussion/1/x", classic({ posts: 3 }).replace("<body>", `<body>${SPY}`))) as Tab;
    const fresh = "document.querySelectorAll('pitboard-stats[data-state=fresh]').length";
    await vi.waitFor(async () => expect(await page.evaluate(fresh)).toBe(3), { timeout: 30_000 }); // in a hook
  });
  afterAll(async () => {
    await browser.close();
    await backend.close();
  });

  it("cannot press a button, nor change an option", async () => {
    const before = await stored();
    await page.evaluate("window.press()");
    expect(await page.evaluate(cards)).toBe(0);
    expect(await stored()).toEqual(before);
  });

  it("cannot read a note, from the line or from the card", async () => {
    const { x, y } = await page.evaluate<{ x: number; y: number }>(
      "(({ x, y }) => ({ x: x + 20, y: y + 15 }))(document.querySelector('pitboard-stats').getBoundingClientRect())",
    );
    await page.mouse.click(x, y);
    await until(cards).toBe(1);
    const before = await stored();
    await page.evaluate("window.look()");
    await page.evaluate("window.press()");
    expect(await stored()).toEqual(before);
    expect(await seen()).not.toMatch(new RegExp(`${SECRET}|${TAG}`));
    // the spy works: it has seen the page's own text
    expect(await seen()).toContain("Ann Tester");
  });
});

it("in Chromium, scripts of the page are not told what the reader writes", async () => {
  const backend = await startBackend();
  const forum = await startChromium(backend.url, { sealed: true });
  const page = await forum.page("/discussion/1/x", classic({ posts: 3 }).replace("<body>", `<body>${SPY}`));
  await page.locator("pitboard-stats[data-state=fresh]").nth(2).waitFor();
  await page
    .locator("pitboard-stats")
    .first()
    .click({ position: { x: 20, y: 15 } });
  await page.locator("pitboard-card").waitFor({ state: "attached" });
  const session = await forum.context.newCDPSession(page);
  await session.send("DOM.enable");
  const inside = async () => (await session.send("DOM.getFlattenedDocument", { depth: -1, pierce: true })).nodes;
  // the card moves no more when it has chart and races
  const has = async (name: string) => (await inside()).some(({ attributes }) => attributes?.includes(name));
  await expect.poll(() => has("chart")).toBe(true);
  await expect.poll(() => has("races")).toBe(true);
  /** Clicks an element inside a closed root, with the mouse. */
  const click = async (name: string, id: string) => {
    const node = (await inside()).find((n) => n.localName === name && n.attributes?.includes(id));
    if (!node) throw new Error(`no ${name}`);
    await session.send("DOM.scrollIntoViewIfNeeded", { nodeId: node.nodeId });
    const { quads } = await session.send("DOM.getContentQuads", { nodeId: node.nodeId });
    const [left = 0, top = 0] = quads[0] ?? [];
    await page.mouse.click(left + 12, top + 8);
  };
  await click("summary", "note-summary");
  await click("textarea", "note");
  await page.keyboard.type(SECRET);
  await page.evaluate("window.look()");
  await page.keyboard.press("Escape");
  const stored = () => forum.worker.evaluate("chrome.storage.local.get('notes')");
  await expect.poll(stored).toEqual({ notes: { "ann tester": { text: SECRET, tags: [], name: "Ann Tester" } } });
  await page.evaluate("window.look()");
  const seen = (await page.evaluate("window.seen")) as string[];
  expect(seen.join()).not.toContain(SECRET);
  expect(seen.filter((event) => /^(key|input|before)/.test(event))).toEqual([]);
  await forum.close();
  await backend.close();
});
