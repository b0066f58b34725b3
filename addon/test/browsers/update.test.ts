/** The extension is updated while a page is open. */

import { afterAll, afterEach, beforeAll, expect, it } from "vitest";
import { type FakeBackend, startBackend } from "../support/backend.mjs";
import { startChromium } from "../support/browser.mjs";
import { startFirefox } from "../support/firefox.mjs";
import { classic, comment } from "../support/pages.mjs";

const THREAD = "/discussion/90001/cold-tyres";
/** Of each post: the states of its lines. */
const LINES = `[...document.querySelectorAll(".Item")].map((post) => [...post.querySelectorAll("pitboard-stats")].map((host) => host.dataset.state))`;
/** A new post, as after a reply. */
const REPLY = `document.querySelector("ul.Comments").insertAdjacentHTML("beforeend", ${JSON.stringify(comment(9, "Driver 9"))})`;

/** Waits until the posts have lines in these states. */
const shown = (page: { evaluate(run: string): Promise<unknown> }, ...states: string[][]) =>
  expect.poll(() => page.evaluate(LINES)).toEqual(states);

let backend: FakeBackend;
let close: () => Promise<void>;

beforeAll(async () => {
  backend = await startBackend();
});
afterEach(() => close());
afterAll(() => backend.close());

it("in Chromium, the page says that it has the old version, for a card and for a new post, and can be reloaded", async () => {
  const forum = await startChromium(backend.url);
  close = forum.close;
  const page = await forum.page(THREAD, classic({ posts: 2 }));
  await shown(page, ["fresh"], ["fresh"]);
  const ended = forum.worker.waitForEvent("close");
  await forum.worker.evaluate("chrome.runtime.reload()").catch(() => {});
  await ended;
  await page.locator("pitboard-stats .open").first().click();
  const banner = page.locator("pitboard-banner .banner");
  await banner.getByText("This page still has the old version").waitFor();
  await page.evaluate(REPLY);
  await shown(page, ["fresh"], ["fresh"], ["updated"]);
  const loaded = page.waitForEvent("load");
  await banner.getByText("Reload the page").click();
  await loaded;
});

it("in Firefox, which puts the new version into open pages, each post has one line, a new post too", async () => {
  const firefox = await startFirefox(backend.url);
  close = firefox.close;
  const page = await firefox.page(THREAD, classic({ posts: 2 }));
  await shown(page, ["fresh"], ["fresh"]);
  await firefox.update();
  await page.evaluate(REPLY);
  await shown(page, ["fresh"], ["fresh"], ["fresh"]);
});
