/** Forced colours, paper and pages from right to left, in Chromium and in Firefox. */

import { execFileSync } from "node:child_process";
import { afterAll, afterEach, beforeAll, describe, expect, it } from "vitest";
import { type FakeBackend, startBackend } from "../support/backend.mjs";
import { startChromium } from "../support/browser.mjs";
import { mainRating } from "../support/drivers.mjs";
import { startFirefox } from "../support/firefox.mjs";
import { rightToLeft } from "../support/odd.mjs";
import { classic } from "../support/pages.mjs";

/** What the pages of both drivers of browsers have. */
interface Tab {
  evaluate<T>(run: string): Promise<T>;
  pdf(): Promise<Uint8Array>;
  mouse: { click(x: number, y: number): Promise<void> };
  close(): Promise<void>;
}

interface Browser {
  page(path: string, html: string): Promise<Tab>;
  close(): Promise<void>;
}

/** In Firefox: the reader's own colours in place of those of pages, here white on black. */
const OWN_COLOURS = {
  "browser.display.document_color_use": 2,
  "browser.display.use_system_colors": false,
  ...Object.fromEntries(
    ["", ".dark"].flatMap((scheme) => [
      [`browser.display.background_color${scheme}`, "#000000"],
      [`browser.display.foreground_color${scheme}`, "#ffffff"],
    ]),
  ),
};

const BROWSERS: [string, (backend: string, forced: boolean) => Promise<Browser>][] = [
  [
    "Chromium",
    async (backend, forced) => {
      const forum = await startChromium(backend);
      const page = async (path: string, html: string) => {
        const tab = await forum.page(path, html);
        if (forced) await tab.emulateMedia({ forcedColors: "active" });
        return tab;
      };
      return { ...forum, page: page as unknown as Browser["page"] };
    },
  ],
  [
    "Firefox",
    async (backend, forced) => {
      const firefox = await startFirefox(backend, { prefs: forced ? OWN_COLOURS : {} });
      return { ...firefox, page: firefox.page as unknown as Browser["page"] };
    },
  ],
];

let backend: FakeBackend;
let browser: Browser;
let page: Tab;

beforeAll(async () => {
  backend = await startBackend();
});
afterAll(() => backend.close());
afterEach(() => page.close());

const until = (code: string) => expect.poll(() => page.evaluate(code));

/** Opens a page of three posts, and waits for their stats. */
async function open(html: string): Promise<void> {
  page = await browser.page("/discussion/90001/cold-tyres", html);
  await until("document.querySelectorAll('pitboard-stats[data-state=fresh]').length").toBeGreaterThan(2);
}

async function openCard(): Promise<void> {
  const [x, y] = await page.evaluate<[number, number]>(`(() => {
    const { left, top } = document.querySelector("pitboard-stats").shadowRoot.querySelector(".open").getBoundingClientRect();
    return [left + 8, top + 8];
  })()`);
  await page.mouse.click(x, y);
  await until("!!document.querySelector('pitboard-card')?.shadowRoot.querySelector('.chart')").toBe(true);
}

/** Properties of what is in our element: its style, by name; null: there is no such thing. */
const style = (host: string, selector: string, ...names: string[]) =>
  page.evaluate<string[]>(`(() => {
    const found = document.querySelector("${host}").shadowRoot.querySelector('${selector}');
    return found && ${JSON.stringify(names)}.map((name) => getComputedStyle(found)[name]);
  })()`);

/** How the browser writes a system colour. */
const colour = (name: string) =>
  page.evaluate<string>(`(() => {
    const probe = document.body.appendChild(document.createElement("p"));
    probe.style.color = "${name}";
    return getComputedStyle(probe).color;
  })()`);

describe.each(BROWSERS)("in %s, forced colours", (_, start) => {
  beforeAll(async () => {
    browser = await start(backend.url, true);
  });
  afterAll(() => browser.close());

  it("have a line's licence in the system's colours, its class apart from the rest", async () => {
    await open(classic({ posts: 3 }));
    expect(await page.evaluate("matchMedia('(forced-colors: active)').matches")).toBe(true);
    const ink = await colour("CanvasText");
    expect(await style("pitboard-stats", ".chip", "borderTopColor", "color")).toEqual([ink, ink]);
    expect(await style("pitboard-stats", ".class", "borderInlineEndColor", "color")).toEqual([ink, ink]);
  });

  it("have a card whose chosen category and rating, and no other, are marked", async () => {
    await open(classic({ posts: 3 }));
    await openCard();
    const [ink, paper] = [await colour("CanvasText"), await colour("Canvas")];
    const outline = (on: boolean) => style("pitboard-card", `.tab[aria-pressed="${on}"] .chip`, "outlineStyle");
    expect([await outline(true), await outline(false)]).toEqual([["solid"], ["none"]]);
    const chosen = await style("pitboard-card", '.kind-tab[aria-pressed="true"]', "backgroundColor", "color");
    expect(chosen).toEqual([ink, paper]);
    expect(await style("pitboard-card", '.kind-tab[aria-pressed="false"]', "backgroundColor")).not.toEqual([ink]);
  });

  it("have a chart whose line and texts are in the colour of text", async () => {
    await open(classic({ posts: 3 }));
    await openCard();
    const ink = await colour("CanvasText");
    expect(await style("pitboard-card", ".chart .stroke", "stroke")).toEqual([ink]);
    expect(await style("pitboard-card", ".chart text", "fill")).toEqual([ink]);
  });
});

describe.each(BROWSERS)("in %s", (_, start) => {
  beforeAll(async () => {
    browser = await start(backend.url, false);
  });
  afterAll(() => browser.close());

  it("paper has the lines, and no card", async () => {
    await open(classic({ posts: 3 }));
    await openCard();
    const text = execFileSync("pdftotext", ["-", "-"], { input: await page.pdf() }).toString();
    for (const n of [0, 1, 2]) expect(text).toContain(mainRating(n));
    expect(text).not.toContain("Recent races");
  });

  it("a line in a right-to-left page begins at the right", async () => {
    await open(rightToLeft());
    const [line, first] = await page.evaluate<[number, number]>(`(() => {
      const host = document.querySelector("pitboard-stats");
      return [host, host.shadowRoot.querySelector(".chip")].map((part) => part.getBoundingClientRect().right);
    })()`);
    expect(Math.abs(line - first)).toBeLessThan(2);
  });
});
