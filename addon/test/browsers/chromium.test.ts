/** The built extension in Debian's Chromium, on pages with the forum's address. */

import { readFile } from "node:fs/promises";
import { createRequire } from "node:module";
import type { Page } from "playwright-core";
import { afterAll, afterEach, beforeAll, describe, expect, it, vi } from "vitest";
import { type FakeBackend, startBackend } from "../support/backend.mjs";
import { type Forum, startChromium } from "../support/browser.mjs";
import { driver, mainRating, NAMES } from "../support/drivers.mjs";
import * as pages from "../support/pages.mjs";
import { fixture, idsIn } from "../support/surfaces.ts";

const THREAD = "/discussion/90001/cold-tyres";
const surfaces = await idsIn("src/site/surfaces");
const axe = await readFile(createRequire(import.meta.url).resolve("axe-core/axe.min.js"), "utf8");

let backend: FakeBackend;
let forum: Forum;

beforeAll(async () => {
  backend = await startBackend();
  forum = await startChromium(backend.url);
  const urls = () => forum.context.pages().map((page) => page.url());
  const welcome = `chrome-extension://${forum.id}/welcome.html`;
  await vi.waitFor(() => expect(urls()).toContain(welcome), { timeout: 30_000 });
});

afterAll(async () => {
  await forum.close();
  await backend.close();
});

afterEach(async () => {
  for (const page of forum.context.pages().slice(1)) await page.close();
  Object.assign(backend.state, { fault: "", delay: 0, asked: [], calls: [], histories: 0, races: [], cars: 0 });
  for (const set of [backend.state.answers, backend.state.index, backend.state.slow]) set.clear();
  await forum.setOptions({ backend: backend.url });
  await forum.worker.evaluate("Promise.all([chrome.storage.session.clear(), chrome.storage.local.clear()])");
});

const open = (html: string, path = THREAD): Promise<Page> => forum.page(path, html);

/** Waits until at least `count` hosts have a state. */
const settled = (page: Page, count: number, state = "fresh"): Promise<unknown> =>
  page.waitForFunction(
    ([n, wanted]) =>
      [...document.querySelectorAll<HTMLElement>("pitboard-stats")].filter((h) => h.dataset.state === wanted).length >=
      n,
    [count, state] as const,
  );

/** Name and text of every host. */
const shown = (page: Page): Promise<[string, string][]> =>
  page.evaluate(() =>
    [...document.querySelectorAll<HTMLElement>("pitboard-stats")].map((host): [string, string] => [
      host.dataset.name ?? "",
      host.shadowRoot?.querySelector(".root")?.textContent ?? "",
    ]),
  );

async function violations(page: Page): Promise<string[]> {
  await page.evaluate(axe);
  const found = await page.evaluate(`axe.run({ exclude: ["#titleBar"] })`);
  return (found as { violations: { id: string; nodes: { html: string; target: unknown }[] }[] }).violations.map(
    (v) =>
      `${v.id}: ${v.nodes
        .map((n) => `${JSON.stringify(n.target)} ${n.html}`)
        .slice(0, 3)
        .join(" | ")}`,
  );
}

describe("a discussion", () => {
  it("of 30 posts by 20 authors has the right stats beside each, with one request and no layout shift", async () => {
    const page = await forum.context.newPage();
    await page.addInitScript(`
      window.shifts = [];
      new PerformanceObserver((list) => { for (const e of list.getEntries()) window.shifts.push(e.value); }).observe({ type: "layout-shift", buffered: true });
    `);
    await page.route("https://forums.iracing.com/**", (route) =>
      route.fulfill({ contentType: "text/html", body: pages.classic() }),
    );
    await page.goto(`https://forums.iracing.com${THREAD}`);
    await settled(page, 30);
    for (const [name, text] of await shown(page)) {
      expect(text).toContain(mainRating(NAMES.indexOf(name)));
    }
    expect(backend.state.asked).toHaveLength(1);
    expect(backend.state.asked[0]).toHaveLength(20);
    expect(backend.state.calls[0]).toMatchObject({ profile: false, now: true });
    expect(await page.evaluate("window.shifts")).toEqual([]);
  });

  it("in React markup has stats too, and those of the new authors after a page change without reload", async () => {
    const page = await open(pages.react({ posts: 10 }));
    await settled(page, 10);
    const first = await page.evaluate(
      () => document.querySelector("pitboard-stats")?.previousElementSibling?.className,
    );
    expect(first).toContain("headerRoot");
    await page.evaluate(
      (html) => {
        const next = new DOMParser().parseFromString(html, "text/html");
        history.pushState({}, "", "/discussion/90001/cold-tyres/p2");
        document.querySelector("#app")?.replaceChildren(...(next.querySelector("#app")?.childNodes ?? []));
      },
      pages.react({ posts: 5, authors: ["Driver 77", "Driver 78"] }),
    );
    await settled(page, 5);
    expect((await shown(page)).map(([name]) => name)).toEqual([
      "Driver 77",
      "Driver 78",
      "Driver 77",
      "Driver 78",
      "Driver 77",
    ]);
  });

  it("has the new author's stats when the name in a post changes, and puts back a host that was removed", async () => {
    const page = await open(pages.react({ posts: 2 }));
    await settled(page, 2);
    await page.evaluate(() => {
      const link = document.querySelector("#Comment_700000 .headerMain a");
      link?.setAttribute("href", "/profile/505/Driver%205");
      if (link?.firstChild) link.firstChild.nodeValue = "Driver 5";
      document.querySelector("#Comment_700001 pitboard-stats")?.remove();
    });
    await settled(page, 2);
    await page.waitForFunction(() => document.querySelectorAll("pitboard-stats").length === 2);
    expect((await shown(page)).map(([name]) => name)).toEqual(["Driver 5", "Bo Demo"]);
  });

  it("has stats for a new comment and for an edited one", async () => {
    const page = await open(pages.classic({ posts: 3 }));
    await settled(page, 3);
    await page.evaluate(
      ([added, edited]) => {
        const item = (html: string) =>
          new DOMParser().parseFromString(html, "text/html").querySelector("li") as Element;
        document.querySelector("ul.Comments")?.append(item(added));
        document.querySelector("#Comment_700001")?.replaceWith(item(edited));
      },
      [pages.comment(50, "Driver 50"), pages.comment(1, "Bo Demo", "<p>edited</p>")] as const,
    );
    await settled(page, 4);
    expect((await shown(page)).map(([name]) => name)).toEqual([
      "Ann Tester",
      "Bo Demo",
      "Caspar van Voorbeeld",
      "Driver 50",
    ]);
  });

  it("has one line for each post after the forum has replaced the names' links by React copies", async () => {
    const page = await open(
      pages.classic({
        posts: 2,
        bodies: {
          1: '<p><a class="atMention js-userCard" data-username="Finn Falsk" href="/profile/Finn%20Falsk">@Finn Falsk</a></p>',
        },
      }),
    );
    await settled(page, 3);
    await page.evaluate(() => {
      for (const link of document.querySelectorAll("a.js-userCard")) {
        const copy = link.cloneNode(true) as Element;
        copy.classList.add("js-userCardInitialized");
        link.replaceWith(copy);
      }
    });
    await settled(page, 3);
    expect(await page.locator("pitboard-stats").count()).toBe(3);
  });

  it("of 300 posts asks for more drivers as the reader scrolls, each once, at most 50 in a call", async () => {
    const authors = Array.from({ length: 150 }, (_, i) => `Driver ${i}`);
    const page = await open(pages.classic({ posts: 300, authors }));
    await settled(page, 30);
    expect(backend.state.asked.flat().length).toBeLessThanOrEqual(40);
    await page.evaluate(() => scrollTo(0, document.documentElement.scrollHeight));
    await page.waitForFunction(
      () => [...document.querySelectorAll<HTMLElement>("pitboard-stats")].at(-1)?.dataset.state === "fresh",
    );
    expect(Math.max(...backend.state.asked.map((names) => names.length))).toBeLessThanOrEqual(50);
    expect(new Set(backend.state.asked.flat()).size).toBe(backend.state.asked.flat().length);
  });
});

describe("a page that becomes dark while it is read", () => {
  const DARK = ":is(html, body).night { --bg: #14161a; --box: #1e2126; --ink: #d9dde3 }";
  const FADE = ".pageBox { transition: background-color 0.3s }";

  it.each([
    ["by its root", "documentElement", DARK],
    ["by its body", "body", DARK],
    ["slowly", "documentElement", DARK + FADE],
  ] as const)("%s has dark lines, and the open card is dark, too", async (_, element, css) => {
    const page = await open(pages.classic({ posts: 2 }).replace("</style>", `${css}</style>`));
    await settled(page, 2);
    await page.locator("pitboard-stats .open").first().click();
    await page.locator("pitboard-card .root.light").waitFor();
    await page.evaluate((name) => document[name].classList.add("night"), element);
    await page.locator("pitboard-card .root.dark").waitFor();
    expect(await page.locator("pitboard-stats .root.dark").count()).toBe(2);
  });
});

describe("a discussion of authors who are not known yet", () => {
  it("shows those of the index at once, and asks for them once more, in one request", async () => {
    for (const name of NAMES) backend.state.index.add(name);
    const page = await forum.context.newPage();
    await page.addInitScript(`
      window.shifts = [];
      new PerformanceObserver((list) => { for (const e of list.getEntries()) window.shifts.push(e.value); }).observe({ type: "layout-shift", buffered: true });
    `);
    await page.route("https://forums.iracing.com/**", (route) =>
      route.fulfill({ contentType: "text/html", body: pages.classic() }),
    );
    await page.goto(`https://forums.iracing.com${THREAD}`);
    await settled(page, 30, "index");
    const first = await shown(page);
    expect(first[0]?.[1]).toMatch(/\d\.\d\d/);
    expect(backend.state.calls).toHaveLength(1);
    await settled(page, 30);
    expect(backend.state.calls.map(({ names, profile, now }) => [names.length, profile, now])).toEqual([
      [20, false, true],
      [20, false, false],
    ]);
    expect((await shown(page)).map(([name]) => name)).toEqual(first.map(([name]) => name));
    expect(await page.evaluate("window.shifts")).toEqual([]);
  });

  it("does not wait for the one who is looked up, and asks for that one again at once", async () => {
    backend.state.slow.add("Bo Demo");
    const page = await open(pages.classic({ posts: 20 }));
    await settled(page, 20);
    expect(backend.state.calls.map(({ names, now }) => [names.length, now])).toEqual([
      [20, true],
      [1, false],
    ]);
    expect(backend.state.asked[1]).toEqual(["Bo Demo"]);
  });

  it("asks for profiles if the layout shows races", async () => {
    for (const name of ["Ann Tester", "Bo Demo"]) backend.state.index.add(name);
    await forum.setOptions({ backend: backend.url, layout: "full" });
    const page = await open(pages.classic({ posts: 2 }));
    await settled(page, 2);
    expect(await page.locator("pitboard-stats .races li").count()).toBeGreaterThan(2);
    expect(backend.state.calls).toMatchObject([
      { profile: true, now: true },
      { profile: true, now: false },
    ]);
  });
});

describe("the full layout", () => {
  it("shows the first links and whole places on a narrow window", async () => {
    await forum.setOptions({ backend: backend.url, layout: "full" });
    const page = await forum.page(THREAD, pages.classic({ posts: 1 }), 360);
    await settled(page, 1);
    const [link, row, place] = await page.evaluate(() => {
      const root = document.querySelector("pitboard-stats")?.shadowRoot;
      const top = (selector: string) => root?.querySelector(selector)?.getBoundingClientRect().top;
      const pos = root?.querySelector<HTMLElement>(".pos");
      return [top(".links a"), top(".row .links"), pos && pos.scrollWidth - pos.clientWidth];
    });
    expect(link).toBe(row);
    expect(place).toBe(0);
  });

  it("has no empty rows below the screen, for drivers with few races and for names without a driver", async () => {
    const names = ["Driver 50", "Driver 51", "Driver 53", "Nobody Here"];
    const idle = { ...driver(53, "Driver 53"), recent_events: [] };
    backend.state.answers.set("Driver 53", idle);
    await forum.setOptions({ backend: backend.url, layout: "full" });
    const html = pages.classic({ posts: 4, authors: names });
    // from an earlier page, the addon knows the space that lines need
    await settled(await open(html), 3);
    const page = await forum.context.newPage();
    await page.addInitScript(`
      window.shifts = [];
      new PerformanceObserver((list) => { for (const e of list.getEntries()) window.shifts.push(e.value); }).observe({ type: "layout-shift", buffered: true });
    `);
    await page.route("https://forums.iracing.com/**", (route) =>
      route.fulfill({ contentType: "text/html", body: html }),
    );
    await page.setViewportSize({ width: 1000, height: 600 });
    await page.goto(`https://forums.iracing.com${THREAD}`);
    await settled(page, 3);
    await settled(page, 1, "not_found");
    /** Of each host: its height, and that of what it shows. */
    const heights = (): Promise<[number, number][]> =>
      page.evaluate(() =>
        [...document.querySelectorAll("pitboard-stats")].map((host): [number, number] => [
          host.getBoundingClientRect().height,
          host.shadowRoot?.querySelector(".root")?.getBoundingClientRect().height ?? 0,
        ]),
      );
    await expect.poll(async () => (await heights()).slice(2).map(([host, content]) => host - content)).toEqual([0, 0]);
    expect((await heights())[3]?.[0]).toBeLessThan(40);
    expect(await page.evaluate("window.shifts")).toEqual([]);
  });
});

describe("a fault", () => {
  it("of the backend is said once, with a button that asks again for all, and one that closes it", async () => {
    backend.state.fault = "down";
    const page = await open(pages.classic({ posts: 2 }));
    await settled(page, 2, "unreachable");
    const banner = page.locator("pitboard-banner .banner");
    expect(await banner.textContent()).toContain("Pitboard: Backend not reachable.");
    expect((await shown(page)).map(([, text]) => text)).toEqual(["–", "–"]);
    await expect.poll(() => page.locator("pitboard-banner [role=status]").textContent()).toContain("not reachable");
    backend.state.fault = "";
    await banner.getByText("Retry all").click();
    await settled(page, 2);
    await banner.waitFor({ state: "detached" });
  });

  it("of the backend ends by itself when the backend is back", async () => {
    backend.state.fault = "down";
    const page = await open(pages.classic({ posts: 2 }));
    await settled(page, 2, "unreachable");
    await page.locator("pitboard-banner .banner").getByRole("button", { name: "Close" }).click();
    expect(await page.locator("pitboard-banner .banner").count()).toBe(0);
    backend.state.fault = "";
    await settled(page, 2);
  });

  it("of one driver has a retry button on its line, which works", async () => {
    backend.state.answers.set("Bo Demo", { error: "trouble", code: "unavailable" });
    const page = await open(pages.classic({ posts: 2 }));
    await settled(page, 1, "unavailable");
    expect((await shown(page))[1]?.[1]).toBe("stats unavailable · retry · API");
    expect(await page.locator("pitboard-banner .banner").count()).toBe(0);
    backend.state.answers.clear();
    await page.locator("pitboard-stats .retry").first().click();
    await settled(page, 2);
  });

  it("of the backend shows the last known stats, and the card says so", async () => {
    await settled(await open(pages.classic({ posts: 2 })), 2);
    await forum.worker.evaluate("chrome.storage.session.clear()");
    backend.state.fault = "down";
    const page = await open(pages.classic({ posts: 2 }));
    await settled(page, 2, "kept");
    await page.locator("pitboard-stats .open").first().click();
    expect(await page.locator("pitboard-card .foot").textContent()).toContain("last known");
  });

  it("with Retry-After causes no further request, and the banner says until when the backend asks to wait", async () => {
    backend.state.fault = "busy";
    const page = await open(pages.classic({ posts: 2 }));
    await settled(page, 2, "waiting");
    backend.state.fault = "";
    const banner = page.locator("pitboard-banner .banner");
    expect(await banner.textContent()).toMatch(/The backend asks to wait until \d\d:\d\d:\d\d/);
    expect(await banner.getByText("Retry all").count()).toBe(0);
    await forum.setOptions({ backend: backend.url, theme: "dark" });
    await page.locator("pitboard-banner .banner.dark").waitFor();
    await settled(await open(pages.classic({ posts: 2 })), 2, "waiting");
    expect(backend.state.asked).toHaveLength(0);
  });

  it("of a slow backend shows bars, then stats, also for pending names, and the page keeps its height", async () => {
    backend.state.delay = 700;
    backend.state.answers.set("Bo Demo", { error: "soon", code: "pending", retry_after: 1 });
    const page = await open(pages.classic({ posts: 3 }));
    await settled(page, 3, "loading");
    expect(await page.locator("pitboard-stats .bar").count()).toBe(3);
    const height = await page.evaluate(() => document.documentElement.scrollHeight);
    await settled(page, 2);
    await settled(page, 1, "pending");
    backend.state.answers.delete("Bo Demo");
    await settled(page, 3);
    expect(await page.evaluate(() => document.documentElement.scrollHeight)).toBe(height);
  });

  it("in one driver's data does not affect the others, and is not parsed as markup", async () => {
    const HTML = "<img src=x onerror=\"document.title='hacked'\">";
    const hostile = driver(0, HTML);
    hostile.member_info.country = `\u202e${HTML}`;
    hostile.recent_events[0].car_name = HTML.repeat(300);
    const odd = driver(1, "Bo Demo");
    odd.member_info.licenses = [null, 5, { category: "oval", group_id: "x" }, { category: {}, group_id: 1 }];
    odd.recent_events = [{ start_time: 5, track: "x" }, null];
    odd.follow_counts = [];
    backend.state.answers.set("Ann Tester", hostile);
    backend.state.answers.set("Bo Demo", odd);
    backend.state.answers.set("Caspar van Voorbeeld", 7);
    await forum.setOptions({ backend: backend.url, layout: "full" });
    const page = await open(pages.classic({ posts: 5 }));
    await settled(page, 4);
    await settled(page, 1, "unavailable");
    await page.locator("pitboard-stats .open").first().click();
    await page.locator("pitboard-card h2").waitFor();
    expect(await page.locator("pitboard-card h2").textContent()).toContain("<img");
    expect(await page.title()).not.toContain("hacked");
    expect(await page.locator("pitboard-stats img, pitboard-card img").count()).toBe(0);
  });
});

describe("the card", () => {
  it("opens by keyboard, has a chart for each category and rating, and returns the focus", async () => {
    const page = await open(pages.classic({ posts: 3 }));
    await settled(page, 3);
    const opener = page.locator("pitboard-stats .open").first();
    await opener.focus();
    await page.keyboard.press("Enter");
    await page.locator("pitboard-card .chart").waitFor();
    expect(await opener.getAttribute("aria-expanded")).toBe("true");
    expect(await page.locator("pitboard-card .chart").getAttribute("aria-label")).toMatch(/^iRating: \d+ in /);
    await page.locator("pitboard-card #kind-safety_rating").click();
    await page.locator('pitboard-card .chart[aria-label^="Safety rating"]').waitFor();
    await page.locator("pitboard-card #tab-formula_car").click();
    const { wins } = driver(0).member_info.licenses[2];
    await expect.poll(() => page.locator("pitboard-card .figures").last().textContent()).toContain(`Wins${wins}`);
    await page.keyboard.press("Escape");
    await page.locator("pitboard-card").waitFor({ state: "detached" });
    expect(await opener.getAttribute("aria-expanded")).toBe("false");
    expect(
      await page.evaluate(() => document.querySelector("pitboard-stats")?.shadowRoot?.activeElement?.className),
    ).toBe("open");
  });

  it("stays at its line and in the window when the page above grows and the window becomes narrow", async () => {
    const page = await open(pages.classic({ posts: 3 }));
    await settled(page, 3);
    await page.locator("pitboard-stats .open").nth(1).click();
    await page.locator("pitboard-card .chart").waitFor();
    /** How far the card is below its line, and how far it is out of the window. */
    const place = () =>
      page.evaluate(() => {
        const line = document.querySelectorAll("pitboard-stats")[1]?.getBoundingClientRect();
        const card = document
          .querySelector("pitboard-card")
          ?.shadowRoot?.querySelector(".card")
          ?.getBoundingClientRect();
        return line && card && [Math.round(card.top - line.bottom), Math.max(0, card.right - innerWidth)];
      });
    const before = await place();
    expect(before).toEqual([expect.any(Number), 0]);
    // as when a picture has loaded
    await page.evaluate(() => document.querySelector<HTMLElement>(".Message")?.style.setProperty("height", "300px"));
    await expect.poll(place).toEqual(before);
    await page.setViewportSize({ width: 400, height: 900 });
    await expect.poll(place).toEqual(before);
  });

  it("asks for the profile of its driver alone, shows the licences before that, and does not move", async () => {
    const page = await open(pages.classic({ posts: 3 }));
    await settled(page, 3);
    backend.state.delay = 600;
    await page.locator("pitboard-stats .open").first().click();
    const card = page.locator("pitboard-card");
    await card.locator(".tab").first().waitFor();
    expect(await card.locator(".chip").count()).toBe(5);
    expect(await card.locator(".card").textContent()).toContain("The profile is loading");
    const before = await card.locator(".card").boundingBox();
    await card.locator(".races li").first().waitFor();
    const after = await card.locator(".card").boundingBox();
    expect([after?.x, after?.y]).toEqual([before?.x, before?.y]);
    expect(backend.state.calls.slice(1)).toEqual([{ names: ["Ann Tester"], profile: true, now: false }]);
    await page.keyboard.press("Escape");
    await page.locator("pitboard-stats .open").first().click();
    await card.locator(".races li").first().waitFor();
    expect(backend.state.calls).toHaveLength(2);
    await settled(await open(pages.classic({ posts: 3 })), 3);
    expect(backend.state.calls).toHaveLength(2);
  });

  it("has flags that the browser loads from the extension, on any system", async () => {
    const page = await open(pages.classic({ posts: 3 }));
    await settled(page, 3);
    const image = await page
      .locator("pitboard-stats .flag")
      .first()
      .evaluate((flag) => getComputedStyle(flag).backgroundImage.slice(5, -2));
    expect(image).toMatch(/^chrome-extension:.*\/flags\.webp$/);
    expect(await page.evaluate(async (url) => (await fetch(url)).status, image)).toBe(200);
  });

  it("can be tried on the demo page, where nothing asks a backend", async () => {
    const page = await forum.context.newPage();
    const asked: string[] = [];
    page.on("request", (request) => asked.push(new URL(request.url()).protocol));
    await page.goto(`chrome-extension://${forum.id}/demo.html`);
    await settled(page, 8);
    await page.locator("pitboard-stats .open").nth(1).click();
    await page.locator("pitboard-card .history .figures").waitFor();
    await page.locator("pitboard-card .met-list").waitFor();
    expect(new Set(asked)).toEqual(new Set(["chrome-extension:"]));
    expect([backend.state.calls.length, backend.state.histories]).toEqual([0, 0]);
    expect(await violations(page)).toEqual([]);
  });

  it("has races with what they did to the ratings, and marks those that the reader drove, too, later also on the line", async () => {
    const page = await open(pages.classic({ posts: 3, me: "Ann Tester" }));
    await settled(page, 3);
    expect(backend.state.races).toEqual([]);
    await page.locator("pitboard-stats .open").nth(1).click();
    const card = page.locator("pitboard-card");
    await card.locator(".met-list li").waitFor();
    expect(await card.locator(".races:not(.met-list) li").count()).toBe(5);
    expect(await card.locator(".gains").first().textContent()).toBe("−23−0.01");
    expect(await card.locator(".races .met").count()).toBe(1);
    expect(backend.state.races.sort()).toEqual([900000, 900001]);
    expect(backend.state.cars).toBe(1);
    expect(await violations(page)).toEqual([]);
    const next = await open(pages.classic({ posts: 3, me: "Ann Tester" }));
    await settled(next, 3);
    expect(await next.locator("pitboard-stats .met").allTextContents()).toEqual(["1"]);
    expect(backend.state.races).toHaveLength(2);
  });

  it("has rank in the world and the country, starts and win rate of the chosen category; no rank without iRating", async () => {
    const raw = driver(0, "Ann Tester");
    const [oval, sportsCar] = raw.member_info.licenses;
    Object.assign(oval, { irating: 2400, starts: 200, wins: 35 });
    oval.rank = { world: 1204, of: 182_400, country: 212, country_of: 8431 };
    Object.assign(sportsCar, { irating: undefined, rank: undefined, starts: 0, wins: 0 });
    backend.state.answers.set("Ann Tester", raw);
    const page = await open(pages.classic({ posts: 3 }));
    await settled(page, 3);
    await page.locator("pitboard-stats .open").first().click();
    const standing = page.locator("pitboard-card .standing");
    await page.locator("pitboard-card #tab-oval").click();
    expect(await standing.locator("div > dt").allTextContents()).toEqual([
      "World",
      "Netherlands",
      "Starts",
      "Win rate",
    ]);
    expect(await standing.locator("dd").allTextContents()).toEqual([
      "1,204thtop 0.7% of 182,400",
      "212thtop 3% of 8,431",
      "200",
      "17.5%",
    ]);
    await page.locator("pitboard-card #tab-sports_car").click();
    expect(await standing.count()).toBe(0);
    await forum.setOptions({ backend: backend.url, hideRatings: true });
    await page.locator("pitboard-stats .open").first().click();
    await page.locator("pitboard-card #tab-oval").click();
    expect(await standing.locator("dt").allTextContents()).toEqual(["Starts", "Win rate"]);
  });

  /** Longer than the pointer has to stay. */
  const stay = (page: Page) => page.waitForTimeout(700);

  it("opens by a click anywhere on the line, and not by the pointer alone", async () => {
    const page = await open(pages.classic({ posts: 3 }));
    await settled(page, 3);
    await page.locator("pitboard-stats .chip").first().hover();
    await stay(page);
    expect(await page.locator("pitboard-card").count()).toBe(0);
    await page.locator("pitboard-stats .chip").first().click();
    await page.locator("pitboard-card .chart").waitFor();
  });

  it("does not open by a click that a script has made", async () => {
    const page = await open(pages.classic({ posts: 3 }));
    await settled(page, 3);
    await page.evaluate(() => document.querySelector("pitboard-stats")?.shadowRoot?.querySelector("button")?.click());
    await page.locator("pitboard-stats .open").nth(1).click();
    await page.locator("pitboard-card").waitFor({ state: "attached" });
    expect(await page.locator("pitboard-card h2").textContent()).toBe("Bo Demo");
  });

  it("opens by choice when the pointer stays on a line, not while the page scrolls, and closes when it leaves", async () => {
    await forum.setOptions({ backend: backend.url, opener: "hover" });
    const page = await open(pages.classic({ posts: 12 }));
    await settled(page, 12);
    // the page brings a line under the pointer, which does not move
    await page.mouse.move(500, 5);
    const { y } = (await page.locator("pitboard-stats .items").nth(4).boundingBox()) ?? { y: 0 };
    await page.mouse.move(500, 300);
    await page.mouse.wheel(0, y + 10 - 300);
    await stay(page);
    expect(await page.locator("pitboard-card").count()).toBe(0);
    await page.mouse.move(503, 301);
    await page.locator("pitboard-card .chart").waitFor();
    await page.mouse.move(5, 5);
    await page.locator("pitboard-card").waitFor({ state: "detached" });
  });

  it.each([
    [1000, 900],
    [360, 640],
  ])(
    "covers neither author nor line in a window of %i by %i, and the wheel scrolls the page",
    async (width, height) => {
      const page = await forum.page(THREAD, pages.classic({ posts: 12 }));
      await page.setViewportSize({ width, height });
      await settled(page, 12);
      for (const n of [0, 3, 11]) {
        const line = page.locator("pitboard-stats").nth(n);
        await line.scrollIntoViewIfNeeded();
        await line.locator(".open").click();
        const card = page.locator("pitboard-card .card");
        await card.locator(".races li").first().waitFor();
        const [box, own] = await Promise.all([card.boundingBox(), line.boundingBox()]);
        const author = await page.locator(".Author").nth(n).boundingBox();
        if (!box || !own || !author) throw new Error("not shown");
        expect(box.y >= own.y + own.height || box.y + box.height <= author.y, `post ${n}`).toBe(true);
        expect(box.x).toBeGreaterThanOrEqual(0);
        expect(box.x + box.width).toBeLessThanOrEqual(width);
        if (n === 3) {
          const before = await page.evaluate("scrollY");
          await page.mouse.move(box.x + 100, Math.min(height - 10, Math.max(10, box.y + 60)));
          await page.mouse.wheel(0, 120);
          await expect.poll(() => page.evaluate("scrollY")).toBe(Number(before) + 120);
        }
        await page.keyboard.press("Escape");
      }
    },
  );

  it("keeps what the reader writes when an answer comes late, with the focus, and stores it when it closes", async () => {
    const page = await open(pages.classic({ posts: 3 }));
    await settled(page, 3);
    backend.state.delay = 700;
    await page.locator("pitboard-stats .open").first().click();
    await page.locator("pitboard-card summary").click();
    await page.locator("pitboard-card #note").focus();
    await page.keyboard.type("Leaves ");
    await page.locator("pitboard-card .races li").first().waitFor();
    await page.keyboard.type("room");
    expect(await page.locator("pitboard-card #note").inputValue()).toBe("Leaves room");
    await page.keyboard.press("Escape");
    const stored = () => forum.worker.evaluate("chrome.storage.local.get('notes')");
    await expect
      .poll(stored)
      .toEqual({ notes: { "ann tester": { text: "Leaves room", tags: [], name: "Ann Tester" } } });
  });

  it("says that a note could not be stored, and keeps the text", async () => {
    const page = await open(pages.classic({ posts: 3 }));
    await settled(page, 3);
    await page.locator("pitboard-stats .open").first().click();
    await page.locator("pitboard-card .races li").first().waitFor();
    // fills the store but for 500 bytes
    await forum.worker.evaluate(`chrome.storage.local.getBytesInUse().then((used) =>
      chrome.storage.local.set({ other: "x".repeat(chrome.storage.local.QUOTA_BYTES - used - 500) }))`);
    await page.locator("pitboard-card summary").click();
    await page.locator("pitboard-card #note").fill("ab".repeat(1000));
    await page.locator("pitboard-card #tags").focus();
    await expect.poll(() => page.locator("pitboard-card details p").textContent()).toContain("Not saved");
    expect(await page.locator("pitboard-card #note").inputValue()).toHaveLength(2000);
  });

  it("has buttons that say driver and category, and are at least 24 pixels high and wide", async () => {
    const page = await open(pages.classic({ posts: 3 }));
    await settled(page, 3);
    await page.locator("pitboard-stats .open").first().click();
    const card = page.locator("pitboard-card .card");
    await card.locator(".races li").first().waitFor();
    const buttons = await card.getByRole("button").all();
    const names = await Promise.all(buttons.map((one) => one.getAttribute("aria-label")));
    expect(names.filter((name) => !name?.includes("Ann Tester"))).toEqual(["Options"]);
    expect(
      names.filter((name) => /^Ann Tester: (Oval|Sports car|Formula car|Dirt oval|Dirt road): /.test(name ?? "")),
    ).toHaveLength(5);
    const targets = await page.locator("pitboard-card").locator("button, summary, .links a").all();
    for (const target of [...targets, page.locator("pitboard-stats .open").first()]) {
      const box = await target.boundingBox();
      expect(
        Math.min(box?.width ?? 0, box?.height ?? 0),
        await target.evaluate((e) => e.outerHTML),
      ).toBeGreaterThanOrEqual(24);
    }
    expect(await page.locator("[role=status], [aria-live], output").count()).toBe(1);
  });

  it("stores a private note and tags, and the line shows the tags", async () => {
    const page = await open(pages.classic({ posts: 3 }));
    await settled(page, 3);
    await page.locator("pitboard-stats .open").first().click();
    await page.locator("pitboard-card summary").click();
    await page.locator("pitboard-card #note").fill("Leaves room in turn one");
    await page.locator("pitboard-card #tags").fill("league, clean");
    await page.locator("pitboard-card #do-close").click();
    await page.locator("pitboard-stats .tag").first().waitFor();
    expect(await page.locator("pitboard-stats .tag").allTextContents()).toEqual(["league", "clean"]);
    expect(await forum.worker.evaluate("chrome.storage.local.get('notes')")).toEqual({
      notes: { "ann tester": { text: "Leaves room in turn one", tags: ["league", "clean"], name: "Ann Tester" } },
    });
  });

  it("has buttons for the reader's tags, whose colour the line then has, and the page of notes finds the driver", async () => {
    const page = await open(pages.classic({ posts: 3 }));
    await settled(page, 3);
    await page.locator("pitboard-stats .open").first().click();
    await page.locator("pitboard-card summary").click();
    await page.locator("pitboard-card .choice", { hasText: "careful" }).click();
    await page.locator("pitboard-stats .marked.t-amber").waitFor();
    expect(await violations(page)).toEqual([]);
    const notes = await forum.context.newPage();
    await notes.goto(`chrome-extension://${forum.id}/notes.html`);
    await notes.locator("#search").fill("careful ann");
    expect(await notes.locator(".list b").allTextContents()).toEqual(["Ann Tester"]);
    expect(await violations(notes)).toEqual([]);
    await notes.locator(".list textarea").fill("Slow in the rain");
    await notes.locator("#search").click();
    await page.locator("pitboard-stats .note").waitFor();
    await notes.getByLabel("Colour: careful").selectOption("pink");
    await page.locator("pitboard-stats .marked.t-pink").waitFor();
  });

  it("loads a driver again, and hides a driver", async () => {
    const page = await open(pages.classic({ posts: 3 }));
    await settled(page, 3);
    await page.locator("pitboard-stats .open").first().click();
    await page.locator("pitboard-card #do-refresh").click();
    await expect.poll(() => backend.state.asked.length).toBe(3);
    expect(backend.state.calls[2]).toEqual({ names: ["Ann Tester"], profile: true, now: false });
    await page.locator("pitboard-card .plain").click();
    await page.waitForFunction(() => document.querySelectorAll("pitboard-stats").length === 2);
  });
});

describe("options", () => {
  it("change an open page: comparison, no ratings, no line at the reader's own posts", async () => {
    const page = await open(pages.classic({ posts: 3, me: "Bo Demo" }));
    await settled(page, 3);
    expect(await page.locator("pitboard-stats .delta").count()).toBe(0);
    await forum.setOptions({ backend: backend.url, compare: true });
    await expect.poll(() => page.locator("pitboard-stats .delta").count()).toBe(2);
    await forum.setOptions({ backend: backend.url, hideRatings: true, hideOwn: true });
    await page.waitForFunction(() => document.querySelectorAll("pitboard-stats").length === 2);
    await settled(page, 2);
    expect(await page.locator("pitboard-stats .ir, pitboard-stats .delta").count()).toBe(0);
  });

  it.each(surfaces)("switch the surface %s on and off", async (id) => {
    const off = Object.fromEntries(surfaces.map((other) => [other, false]));
    await forum.setOptions({ backend: backend.url, surfaces: { ...off, [id]: true } });
    const { path, html, names } = await fixture(id);
    const page = await open(html, path);
    await settled(page, names.length);
    expect((await shown(page)).map(([name]) => name).sort()).toEqual([...names].sort());
    await forum.setOptions({ backend: backend.url, surfaces: off });
    await page.waitForFunction(() => !document.querySelector("pitboard-stats"));
  });

  it("that give lines another height keep the post that is read where it is", async () => {
    const page = await open(pages.classic());
    await settled(page, 3);
    /** The top of a post on the screen, and the height of the page. */
    const place = () =>
      page.evaluate((): [number, number] => {
        const post = document.querySelector("#Comment_700012");
        return [post?.getBoundingClientRect().top ?? 0, document.documentElement.scrollHeight];
      });
    for (const layout of ["full", "compact"]) {
      await page.evaluate(() => {
        document.querySelector("#Comment_700012")?.scrollIntoView();
        scrollBy(0, -20); // the end of the post above is on the screen, too
      });
      const [top, height] = await place();
      await forum.setOptions({ backend: backend.url, layout });
      await expect.poll(async () => (await place())[1]).not.toBe(height);
      // after two frames the browser has done what it does by itself
      await page.evaluate(() => new Promise((done) => requestAnimationFrame(() => requestAnimationFrame(done))));
      expect(Math.abs((await place())[0] - top)).toBeLessThan(2);
    }
  });

  it("page says that the options are too large for the browser, and then has them stored", async () => {
    const page = await forum.context.newPage();
    const links = Array.from({ length: 20 }, (_, i) => ({
      label: `Link ${i}`,
      url: `https://example.org/${"x".repeat(270)}`,
      on: true,
    }));
    const hiddenDrivers = Array.from({ length: 60 }, (_, i) => `Hidden Driver With A Long Name ${i}`);
    await page.goto(`chrome-extension://${forum.id}/options.html`);
    const file = { pitboard: 1, options: { backend: backend.url, links, hiddenDrivers } };
    const upload = { name: "x.json", mimeType: "application/json", buffer: Buffer.from(JSON.stringify(file)) };
    await page.locator('input[type="file"]').setInputFiles(upload);
    await expect.poll(() => page.locator(".alert").textContent()).toContain("Not saved");
    for (let i = 0; i < 12; i++) await page.getByRole("button", { name: "Show again" }).first().click();
    for (let i = 0; i < 8; i++) await page.locator(".links-list button").first().click();
    await expect.poll(() => page.locator(".alert").textContent()).toBe("");
  });

  it("page does not take a text for a link's address", async () => {
    const page = await forum.context.newPage();
    await page.goto(`chrome-extension://${forum.id}/options.html`);
    const address = page.locator(".links-list .wide").first();
    await address.fill("my profile");
    await address.press("Tab");
    expect(await page.locator(".link-problem").textContent()).toBe("This is not a web address.");
    await page.reload();
    expect(await address.inputValue()).toContain("https://members-ng.iracing.com/");
  });

  it("page asks before a file changes the backend", async () => {
    const page = await forum.context.newPage();
    await page.goto(`chrome-extension://${forum.id}/options.html`);
    const file = { pitboard: 1, options: { backend: "https://other.example.org", cpi: true } };
    const upload = { name: "x.json", mimeType: "application/json", buffer: Buffer.from(JSON.stringify(file)) };
    const stored = async () =>
      (
        (await forum.worker.evaluate("chrome.storage.sync.get('options')")) as {
          options: { backend: string; cpi?: boolean };
        }
      ).options;
    await page.locator('input[type="file"]').setInputFiles(upload);
    await expect
      .poll(() => page.locator(".status").textContent())
      .toContain(`from ${backend.url} to https://other.example.org`);
    expect((await stored()).cpi).toBeUndefined();
    await page.getByRole("button", { name: "Keep mine" }).click();
    await expect.poll(stored).toMatchObject({ backend: backend.url, cpi: true });
    await page.locator('input[type="file"]').setInputFiles(upload);
    await page.getByRole("button", { name: "Use the new one" }).click();
    await expect.poll(stored).toMatchObject({ backend: "https://other.example.org" });
  });

  it("page that opens because the permission is gone says so, and its button asks again", async () => {
    await forum.setOptions({ backend: "https://league.example.org" });
    const page = await forum.context.newPage();
    await page.goto(`chrome-extension://${forum.id}/options.html#allow`);
    await expect.poll(() => page.locator("#finding").textContent()).toContain("does not allow");
    expect(await page.locator("#test").textContent()).toBe("Allow again");
    expect(await page.evaluate("document.activeElement.id")).toBe("test");
  });

  it("the first page after the installation has a preview, and tests and stores the backend", async () => {
    const page = await forum.context.newPage();
    await page.goto(`chrome-extension://${forum.id}/welcome.html`);
    expect(await page.locator(".preview").count()).toBe(2);
    await page.locator("#backend").fill(`${backend.url}/`);
    await page.locator("#test").click();
    await expect.poll(() => page.locator("#finding").textContent()).toBe("Works. Pitboard 0.1.0 answers.");
    expect(await forum.worker.evaluate("chrome.storage.sync.get('options')")).toMatchObject({
      options: { backend: backend.url },
    });
    expect(await violations(page)).toEqual([]);
  });

  it("page has a preview, tests the backend, and imports what it has exported", async () => {
    const page = await forum.context.newPage();
    await page.goto(`chrome-extension://${forum.id}/options.html`);
    await page.locator("#cpi").check();
    expect(await page.locator(".preview .cpi").count()).toBe(1);
    await page.locator("#test").click();
    await expect.poll(() => page.locator("#finding").textContent()).toBe("Works. Pitboard 0.1.0 answers.");
    await page.locator("#backend").fill("127.0.0.1:9");
    await page.locator("#test").click();
    await expect.poll(() => page.locator("#finding").textContent()).toContain("There is no answer.");
    await page.locator("#backend").fill("ftp://x");
    await page.locator("#test").click();
    expect(await page.locator("#finding").textContent()).toBe("This is not a web address.");
    const download = page.waitForEvent("download");
    await page.locator("#export").click();
    const file = await (await download).path();
    await page.locator("#reset").click();
    await page.locator("#reset").click();
    expect(await page.locator("#cpi").isChecked()).toBe(false);
    await page.locator('input[type="file"]').setInputFiles(file);
    await page.getByRole("button", { name: "Use the new one" }).click();
    await expect.poll(() => page.locator("#cpi").isChecked()).toBe(true);
    await page.locator("#language").selectOption("de");
    await page.getByText("Einstellungen", { exact: false }).first().waitFor();
  });
});

it("page, card and options have no accessibility violations, light and dark", async () => {
  await forum.setOptions({ backend: backend.url, rank: true });
  for (const look of ["light", "dark"] as const) {
    const page = await open(pages.classic({ posts: 6, look, me: "Bo Demo" }));
    await settled(page, 6);
    await page.locator("pitboard-stats .open").nth(2).click();
    await page.locator("pitboard-card .chart").waitFor();
    expect(await violations(page)).toEqual([]);
    const options = await forum.context.newPage();
    await options.emulateMedia({ colorScheme: look });
    await options.goto(`chrome-extension://${forum.id}/options.html`);
    await options.locator("#test").waitFor();
    expect(await violations(options)).toEqual([]);
  }
});

describe("a compact line", () => {
  /** For each line: the left edges of its parts, and which of them are whole inside the line. */
  const parts = (page: Page) =>
    page.evaluate(() =>
      [...document.querySelectorAll("pitboard-stats")].map((host) => {
        const root = host.shadowRoot;
        const line = host.getBoundingClientRect();
        return [".chip", ".rank", ".rest", ".country", ".fact", ".open"].flatMap((selector) =>
          [...(root?.querySelectorAll(`.items ${selector}, .row > ${selector}`) ?? [])].map((part) => {
            const { left, right, bottom } = part.getBoundingClientRect();
            return [selector, Math.round(left), right <= line.right && bottom <= line.bottom ? "whole" : "cut"];
          }),
        );
      }),
    );

  it.each([360, 768, 1280])(
    "has one licence, the number of others, country and years, aligned, at %i pixels",
    async (width) => {
      const page = await forum.page(THREAD, pages.classic({ posts: 8 }), width);
      await settled(page, 8);
      const [first, ...others] = await parts(page);
      expect(first?.map(([selector, , whole]) => [selector, whole])).toEqual(
        [".chip", ".rest", ".country", ".fact", ".open"].map((selector) => [selector, "whole"]),
      );
      for (const other of others) expect(other).toEqual(first);
    },
  );

  it("has the number of other licences on a narrow window, also where the years have no space", async () => {
    for (const options of [{}, { compare: true }]) {
      await forum.setOptions({ backend: backend.url, ...options });
      const page = await forum.page(THREAD, pages.classic({ posts: 8, me: "Bo Demo" }), 348);
      await settled(page, 8);
      for (const line of await parts(page))
        expect(line.filter(([selector]) => selector === ".chip" || selector === ".rest")).toEqual([
          [".chip", expect.any(Number), "whole"],
          [".rest", expect.any(Number), "whole"],
        ]);
    }
  });

  it("has a whole licence, and no part of what does not fit, beside a note with many tags on a narrow window", async () => {
    const tags = ["clean", "league", "a rather long tag"];
    const notes = { "ann tester": { text: "Leaves room", tags, name: "Ann Tester" } };
    await forum.worker.evaluate(`chrome.storage.local.set({ notes: ${JSON.stringify(notes)} })`);
    const page = await forum.page(THREAD, pages.classic({ posts: 1 }), 340);
    await settled(page, 1);
    await page.locator("pitboard-stats .tag").first().waitFor({ state: "attached" });
    const cut = await page.evaluate(() => {
      const root = document.querySelector("pitboard-stats")?.shadowRoot;
      return [...(root?.querySelectorAll(".licences > .chip, .facts > *") ?? [])].flatMap((part) => {
        const [inner, outer] = [part.getBoundingClientRect(), part.parentElement?.getBoundingClientRect()];
        const hidden = !outer || inner.top >= outer.bottom;
        const whole = outer && inner.right <= outer.right + 0.5 && inner.bottom <= outer.bottom;
        return hidden || whole ? [] : [part.className];
      });
    });
    expect(cut).toEqual([]);
  });

  it("shows the reader's own categories too, and aligns with rank, comparison and gaps", async () => {
    const own = { rank: true, compare: true, pinned: ["oval", "dirt_road"] };
    await forum.setOptions({ backend: backend.url, ...own });
    const page = await forum.page(THREAD, pages.classic({ posts: 8, me: "Bo Demo" }), 1280);
    await settled(page, 8);
    await expect.poll(() => page.locator("pitboard-stats .delta").count()).toBeGreaterThan(4);
    const [first, ...others] = await parts(page);
    expect(first?.filter(([selector]) => selector === ".chip")).toHaveLength(3);
    for (const other of others) expect(other).toEqual(first);
    expect(await page.locator("pitboard-stats").first().locator(".rest").textContent()).toBe("+2");
  });

  it("has a whole rank or none", async () => {
    await forum.setOptions({ backend: backend.url, rank: true });
    const page = await open(pages.classic({ posts: 3 }));
    await settled(page, 3);
    const seen = [];
    for (const width of [1000, 420, 360]) {
      await page.setViewportSize({ width, height: 900 });
      const rank = await page.evaluate(() => {
        const list = document.querySelector("pitboard-stats")?.shadowRoot?.querySelector(".licences");
        const [box, mark] = [list, list?.querySelector(".rank")].map((element) => element?.getBoundingClientRect());
        if (!box || !mark) return "missing";
        return mark.top >= box.bottom ? "hidden" : mark.right <= box.right ? "whole" : "cut";
      });
      seen.push(rank);
    }
    expect(seen).toEqual(["whole", "whole", "hidden"]);
  });
});

it("at 360 pixels all that a card says of a race is whole", async () => {
  const page = await forum.page(THREAD, pages.classic({ posts: 3 }), 360);
  await settled(page, 3);
  await page.locator("pitboard-stats .open").first().click();
  await page.locator("pitboard-card .gains .delta").first().waitFor();
  const cut = await page.evaluate(
    () =>
      [...(document.querySelector("pitboard-card")?.shadowRoot?.querySelectorAll(".race-facts") ?? [])].flatMap(
        (row) => {
          const { right, bottom } = row.getBoundingClientRect();
          return [...row.children].filter((part) => {
            const box = part.getBoundingClientRect();
            return box.right > right + 1 || box.bottom > bottom + 1;
          });
        },
      ).length,
  );
  expect(cut).toBe(0);
});
