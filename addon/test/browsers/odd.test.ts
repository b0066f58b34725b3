/** Pages that are hard for the addon (`test/support/odd.mjs`), in Chromium and in Firefox. */

import { afterAll, afterEach, beforeAll, describe, expect, it } from "vitest";
import { type FakeBackend, startBackend } from "../support/backend.mjs";
import { startChromium } from "../support/browser.mjs";
import { driver, NAMES } from "../support/drivers.mjs";
import { startFirefox } from "../support/firefox.mjs";
import * as odd from "../support/odd.mjs";
import { classic } from "../support/pages.mjs";

/** What the pages of both drivers of browsers have. */
interface Tab {
  evaluate<T>(run: string): Promise<T>;
  close(): Promise<void>;
}

interface Browser {
  page(path: string, html: string, width?: number): Promise<Tab>;
  /** Zooms to 200 % a window of 1280 by 900 pixels. */
  zoom(page: Tab): Promise<unknown>;
  /** Shows text larger, and nothing else: by the page's font in Chromium, by zoom of text alone in Firefox. */
  enlarge(times: number, page?: Tab): Promise<unknown>;
  options(changed: object): Promise<unknown>;
  /** Touches a point. */
  tap(page: Tab, x: number, y: number): Promise<unknown>;
  close(): Promise<void>;
}

/** At 200 % a pixel of CSS is two pixels wide and high. */
const ZOOMED = { width: 640, height: 450, deviceScaleFactor: 2 };

const BROWSERS = {
  Chromium: async (backend: string) => {
    const forum = await startChromium(backend);
    const session = (page: Tab) => forum.context.newCDPSession(page as never);
    return {
      ...forum,
      page: forum.page as Browser["page"],
      zoom: async (page: Tab) =>
        (await session(page)).send("Emulation.setDeviceMetricsOverride", { ...ZOOMED, mobile: false }),
      enlarge: async (times: number, page?: Tab) =>
        page?.evaluate(`document.documentElement.style.fontSize = "${times * 100}%"`),
      options: (changed: object) => forum.setOptions({ backend, ...changed }),
      tap: async (page: Tab, x: number, y: number) => {
        const screen = await session(page);
        await screen.send("Input.dispatchTouchEvent", { type: "touchStart", touchPoints: [{ x, y }] });
        await screen.send("Input.dispatchTouchEvent", { type: "touchEnd", touchPoints: [] });
      },
    };
  },
  Firefox: async (backend: string) => {
    const firefox = await startFirefox(backend, { prefs: { "browser.zoom.full": false } });
    const extension = await firefox.options();
    type Page = Awaited<ReturnType<typeof firefox.page>>;
    return {
      ...firefox,
      page: firefox.page as Browser["page"],
      zoom: (page: Tab) => (page as unknown as Page).setViewport(ZOOMED),
      enlarge: (times: number) =>
        extension.evaluate(
          `browser.tabs.query({}).then((tabs) => Promise.all(tabs.map(({ id }) => browser.tabs.setZoom(id, ${times}))))`,
        ),
      options: (options: object) =>
        extension.evaluate(`browser.storage.sync.set({ options: ${JSON.stringify({ backend, ...options })} })`),
      tap: (page: Tab, x: number, y: number) => (page as unknown as Page).touchscreen.tap(x, y),
    };
  },
};

const THREAD = "/discussion/90001/cold-tyres";
const SHOWN = `[...document.querySelectorAll("pitboard-stats")].map((host) => [host.dataset.name, host.dataset.state])`;

/** What sticks out: lines' parts that are cut, and a page that scrolls sideways. */
const CUT = `[
  ...[...document.querySelectorAll("pitboard-stats")].flatMap((host) => {
    const line = host.getBoundingClientRect();
    return [...host.shadowRoot.querySelectorAll(".chip, .rest, .country, .fact, .open")]
      .filter((part) => part.getBoundingClientRect().right > line.right || part.getBoundingClientRect().bottom > line.bottom)
      .map((part) => part.className);
  }),
  ...(document.documentElement.scrollWidth > innerWidth ? ["page"] : []),
]`;
/** Texts of our element that leave the box they are in: its row, licence or button. What a full row hides does not count. */
const spilled = (host: string) => `[...document.querySelectorAll("${host}")].flatMap(({ shadowRoot }) => {
  const texts = document.createTreeWalker(shadowRoot.querySelector(".root"), NodeFilter.SHOW_TEXT);
  const spilled = [];
  const range = document.createRange();
  for (let text = texts.nextNode(); text; text = texts.nextNode()) {
    range.selectNodeContents(text);
    const { top, bottom, height } = range.getBoundingClientRect();
    const row = text.parentElement.closest(".facts, .licences, .links")?.getBoundingClientRect();
    const box = text.parentElement.closest(".chip, button, li, .row, .figures, .foot")?.getBoundingClientRect();
    if (!box || !height || (row && top >= row.bottom - 1)) continue;
    if (top < box.top - 1 || bottom > box.bottom + 1) spilled.push(text.data);
  }
  return spilled;
})`;
/** Texts of the card that lie over others, or outside of it. */
const OVERLAPPING = `(() => {
  const card = document.querySelector("pitboard-card").shadowRoot.querySelector(".root");
  const texts = document.createTreeWalker(card, NodeFilter.SHOW_TEXT, (text) => text.parentElement.closest("svg, .what") ? NodeFilter.FILTER_REJECT : NodeFilter.FILTER_ACCEPT);
  const seen = [];
  const range = document.createRange();
  for (let text = texts.nextNode(); text; text = texts.nextNode()) {
    range.selectNodeContents(text);
    for (const box of range.getClientRects()) if (box.width > 1) seen.push([text.data, box]);
  }
  const { left, right } = card.getBoundingClientRect();
  const meet = (a, b) => Math.min(a.right, b.right) - Math.max(a.left, b.left) > 1 && Math.min(a.bottom, b.bottom) - Math.max(a.top, b.top) > 8;
  return seen.filter(([, box], i) => box.left < left - 1 || box.right > right + 1 || seen.some(([, other], j) => j > i && meet(box, other))).map(([text]) => text);
})()`;
/** How high the first licence's text is. */
const SIZE = `(() => {
  const range = document.createRange();
  range.selectNodeContents(document.querySelector("pitboard-stats").shadowRoot.querySelector(".ir"));
  return range.getBoundingClientRect().height;
})()`;
/** Where the card is in the window; null: none is open. */
const CARD = `(() => {
  const card = document.querySelector("pitboard-card")?.shadowRoot.querySelector("[popover]");
  if (!card?.matches(":popover-open")) return null;
  const { left, right } = card.getBoundingClientRect();
  return left >= 0 && right <= innerWidth ? "inside" : "cut";
})()`;
/** The middle of the first licence. */
const CHIP = `(() => {
  const { left, top, width, height } = document.querySelector("pitboard-stats").shadowRoot.querySelector(".chip").getBoundingClientRect();
  return [left + width / 2, top + height / 2];
})()`;

/** The author of each line on the page, in order, when all have stats. */
const fresh = (names: string[]) => names.map((name) => [name, "fresh"]);
const until = (page: Tab, code: string) => expect.poll(() => page.evaluate(code));

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
      // a whole frame at the top: the page's observer would not notice less
      await page.evaluate("new Promise((done) => requestAnimationFrame(() => requestAnimationFrame(done)))");
      await page.evaluate("scrollTo(0, 1e6)");
      await until(page, `${SHOWN}.slice(0, ${count})`).toEqual(fresh(names.slice(0, count)));
    }
    expect(others(names)).toEqual([]);
  });

  it("a page at 200 % has whole lines and no more width, and its card is inside the window, also by touch", async () => {
    await open(classic({ posts: 3 }), 1280);
    await until(page, SHOWN).toHaveLength(3);
    await browser.zoom(page);
    await until(page, "devicePixelRatio").toBe(2);
    await until(page, SHOWN).toEqual(fresh(NAMES.slice(0, 3)));
    expect(await page.evaluate(CUT)).toEqual([]);
    const [x, y] = await page.evaluate<[number, number]>(CHIP);
    await browser.tap(page, x, y);
    await until(page, CARD).toBe("inside");
  });

  describe("with text twice as large", () => {
    afterEach(() => browser.enlarge(1));

    const enlarged = async (layout: string, width: number) => {
      await browser.options({ layout, rank: true });
      await open(classic({ posts: 3 }), width);
      await until(page, SHOWN).toEqual(fresh(NAMES.slice(0, 3)));
      const size = await page.evaluate<number>(SIZE);
      await browser.enlarge(2, page);
      await until(page, SIZE).toBeGreaterThan(1.8 * size);
    };

    it.each(["compact", "full", "portrait"])("nothing of a %s line is cut or in another row", async (layout) => {
      await enlarged(layout, 1000);
      expect(await page.evaluate(spilled("pitboard-stats"))).toEqual([]);
    });

    it.each([1000, 500])("the card has no text over another, at %i pixels", async (width) => {
      await enlarged("compact", width);
      const [x, y] = await page.evaluate<[number, number]>(CHIP);
      await browser.tap(page, x, y);
      await until(page, CARD).toBe("inside");
      const parts = `document.querySelector("pitboard-card").shadowRoot.querySelectorAll(".chart, .figures, .gains").length`;
      await until(page, parts).toBeGreaterThan(3);
      expect(await page.evaluate(spilled("pitboard-card"))).toEqual([]);
      expect(await page.evaluate(OVERLAPPING)).toEqual([]);
    });
  });

  it("authors with names that are words of JavaScript have their own stats", async () => {
    const { html, names } = odd.words();
    await open(html);
    await until(page, SHOWN).toEqual(fresh(names));
  });
});
