/** Pages that are hard for the addon (`test/support/odd.mjs`), in Chromium and in Firefox. */

import { afterAll, afterEach, beforeAll, describe, expect, it } from "vitest";
import { type FakeBackend, startBackend } from "../support/backend.mjs";
import { startChromium } from "../support/browser.mjs";
import { driver } from "../support/drivers.mjs";
import { startFirefox } from "../support/firefox.mjs";
import * as odd from "../support/odd.mjs";

/** What the pages of both drivers of browsers have. */
interface Tab {
  evaluate<T>(run: string): Promise<T>;
  close(): Promise<void>;
}

interface Browser {
  page(path: string, html: string, width?: number): Promise<Tab>;
  close(): Promise<void>;
}

const BROWSERS = {
  Chromium: async (backend: string) => {
    const forum = await startChromium(backend);
    return { ...forum, page: forum.page as Browser["page"] };
  },
  Firefox: async (backend: string) => {
    const firefox = await startFirefox(backend);
    return { ...firefox, page: firefox.page as Browser["page"] };
  },
};

const THREAD = "/discussion/90001/cold-tyres";
const SHOWN = `[...document.querySelectorAll("pitboard-stats")].map((host) => [host.dataset.name, host.dataset.state])`;

/** The author of each line on the page, in order, when all have stats. */
const fresh = (names: string[]) => names.map((name) => [name, "fresh"]);
const until = (page: Tab, code: string) => expect.poll(() => page.evaluate(code), { timeout: 10_000 });

describe.each(Object.entries(BROWSERS))("in %s", (_, start) => {
  let backend: FakeBackend;
  let browser: Browser;
  let page: Tab;

  beforeAll(async () => {
    backend = await startBackend();
    browser = await start(backend.url);
    for (const name of ["Kai López4", "Lou Inventé3", ...odd.words().names])
      backend.state.answers.set(name, driver(3, name));
  });
  afterAll(async () => {
    await browser.close();
    await backend.close();
  });
  afterEach(() => page.close());

  const open = async (html: string, width?: number) => {
    backend.state.asked = [];
    page = await browser.page(THREAD, html, width);
    return page;
  };
  /** Names that the backend was asked for and that are not in `names`. */
  const others = (names: string[]) => backend.state.asked.flat().filter((name) => !names.includes(name));

  it.each([
    ["a lazy loader beside the name, on a narrow window", odd.lazyLoader(), 360],
    ["a lazy loader in place of the name, in React markup", odd.reactLoader(), 1000],
  ])("posts with %s have their authors from the start and to the end", async (_, { html, names }, width) => {
    await open(html, width);
    await until(page, SHOWN).toEqual(fresh(names));
    await until(page, "document.body.className").toBe("done");
    expect(await page.evaluate(SHOWN)).toEqual(fresh(names));
    expect(others(names)).toEqual([]);
  });

  it("posts of deleted users have no line, and nobody else's", async () => {
    const { html, names } = odd.deleted();
    await open(html);
    await until(page, SHOWN).toEqual(fresh(names));
    expect(others(names)).toEqual([]);
  });

  it("an endless page has lines for the posts that are appended", async () => {
    const { html, names } = odd.endless();
    await open(html);
    for (const count of [10, 20, 30, 40, 50, 60]) {
      await page.evaluate("scrollTo(0, 0)");
      await page.evaluate("new Promise(requestAnimationFrame).then(() => scrollTo(0, 1e6))");
      await until(page, `${SHOWN}.slice(0, ${count})`).toEqual(fresh(names.slice(0, count)));
    }
    expect(others(names)).toEqual([]);
  });

  it("authors with names that are words of JavaScript have their own stats", async () => {
    const { html, names } = odd.words();
    await open(html);
    await until(page, SHOWN).toEqual(fresh(names));
  });
});
