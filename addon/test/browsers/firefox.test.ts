/** The built extension in Debian's Firefox ESR, on pages with the forum's address and content security policy. */

import { readFile } from "node:fs/promises";
import { createRequire } from "node:module";
import type { ElementHandle, Page } from "puppeteer-core";
import { afterAll, afterEach, beforeAll, describe, expect, it } from "vitest";
import { type FakeBackend, startBackend } from "../support/backend.mjs";
import { driver, mainRating, NAMES } from "../support/drivers.mjs";
import { type Firefox, startFirefox } from "../support/firefox.mjs";
import * as pages from "../support/pages.mjs";

const THREAD = "/discussion/90001/cold-tyres";
const axe = await readFile(createRequire(import.meta.url).resolve("axe-core/axe.min.js"), "utf8");

let backend: FakeBackend;
let firefox: Firefox;

beforeAll(async () => {
  backend = await startBackend();
  firefox = await startFirefox(backend.url);
});

afterAll(async () => {
  await firefox.close();
  await backend.close();
});

afterEach(() => {
  Object.assign(backend.state, { fault: "", delay: 0, asked: [], calls: [] });
  backend.state.answers.clear();
});

const open = (html: string): Promise<Page> => firefox.page(THREAD, html);

const settled = (page: Page, count: number, state = "fresh") =>
  page.waitForFunction(
    (n: number, wanted: string) =>
      [...document.querySelectorAll<HTMLElement>("pitboard-stats")].filter((h) => h.dataset.state === wanted).length >=
      n,
    { timeout: 30_000 },
    count,
    state,
  );

const names = (page: Page) =>
  page.evaluate(() => [...document.querySelectorAll<HTMLElement>("pitboard-stats")].map((host) => host.dataset.name));

/** Clicks as the reader does: the addon ignores clicks by scripts. */
async function press(page: Page, host: string, selector: string): Promise<void> {
  const found = await page.evaluateHandle(
    (h: string, s: string) => document.querySelector(h)?.shadowRoot?.querySelector(s),
    host,
    selector,
  );
  await (found.asElement() as ElementHandle<Element>).click();
}

describe("Firefox", () => {
  it("shows the right stats for 30 posts by 20 authors with one request", async () => {
    const page = await open(pages.classic({ me: "Bo Demo" }));
    await settled(page, 30);
    expect(backend.state.asked).toHaveLength(1);
    const texts = await page.evaluate(() =>
      [...document.querySelectorAll<HTMLElement>("pitboard-stats")].map((h): [string, string] => [
        h.dataset.name ?? "",
        h.shadowRoot?.querySelector(".root")?.textContent ?? "",
      ]),
    );
    for (const [name, text] of texts) {
      expect(text).toContain(mainRating(NAMES.indexOf(name)));
    }
  });

  it("opens the card with its chart, without accessibility violations", async () => {
    const page = await open(pages.classic({ posts: 4, look: "dark" }));
    await settled(page, 4);
    await press(page, "pitboard-stats", ".open");
    await page.waitForFunction(() => document.querySelector("pitboard-card")?.shadowRoot?.querySelector(".chart"));
    await page.evaluate(axe);
    const found = (await page.evaluate(`axe.run({ exclude: ["#titleBar"] })`)) as { violations: { id: string }[] };
    expect(found.violations.map((v) => v.id)).toEqual([]);
  });

  it("shows stats in React markup, and for a comment that is edited", async () => {
    const page = await open(pages.react({ posts: 4, authors: ["Driver 30", "Driver 31", "Driver 32"] }));
    await settled(page, 4);
    await page.evaluate(
      (html: string) => {
        const next = new DOMParser().parseFromString(html, "text/html").body.firstElementChild as Element;
        document.querySelector("#Comment_700001")?.replaceWith(next);
      },
      pages.reactPost(1, "Driver 33", "<p>edited</p>"),
    );
    await settled(page, 4);
    expect(await names(page)).toEqual(["Driver 30", "Driver 33", "Driver 32", "Driver 30"]);
  });

  it("shows bars for a slow backend, and hostile data as text", async () => {
    backend.state.delay = 500;
    const HTML = '<img src=x onerror="document.title=1">';
    backend.state.answers.set("Driver 40", driver(40, HTML));
    backend.state.answers.set("Driver 41", { member_info: 5 });
    const page = await open(pages.classic({ posts: 3, authors: ["Driver 40", "Driver 41", "Driver 42"] }));
    await settled(page, 3, "loading");
    await settled(page, 2);
    await settled(page, 1, "unavailable");
    expect(
      await page.evaluate(() => document.querySelector("pitboard-stats")?.shadowRoot?.querySelectorAll("img").length),
    ).toBe(0);
  });

  it("says once that the backend is not available, and has a retry button for all", async () => {
    backend.state.fault = "down";
    const page = await open(pages.classic({ posts: 2, authors: ["Driver 60", "Driver 61"] }));
    await settled(page, 2, "unreachable");
    backend.state.fault = "";
    await press(page, "pitboard-banner", "button:nth-of-type(2)");
    await settled(page, 2);
  });

  it("has an options page with a preview, whose changes are stored", async () => {
    const options = await firefox.options();
    await options.evaluate(() => document.querySelector<HTMLElement>("#cpi")?.click());
    expect(
      await options.evaluate(() => document.querySelector(".preview")?.shadowRoot?.querySelectorAll(".cpi").length),
    ).toBe(1);
    const page = await open(pages.classic({ posts: 2, authors: ["Driver 70", "Driver 71"] }));
    await settled(page, 2);
    expect(
      await page.evaluate(() => document.querySelector("pitboard-stats")?.shadowRoot?.querySelectorAll(".cpi").length),
    ).toBe(1);
  });
});
