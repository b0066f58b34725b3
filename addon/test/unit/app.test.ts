import { afterEach, beforeEach, describe, expect, it, vi } from "vitest";
import { App } from "../../src/app.ts";
import { DEFAULTS, type Options, readOptions } from "../../src/core/options.ts";
import type { Platform } from "../../src/platform/platform.ts";
import { reservedHeight } from "../../src/ui/line.ts";

const POST = `
  <div class="ItemComment" id="Comment_1"><div class="Item-Header"><div class="Author"><a href="/profile/Ann">Ann</a></div></div>
  <div class="Message">Hello</div></div>`;

class NoObserver {
  observe(): void {}
  unobserve(): void {}
  takeRecords(): void {}
}

const platform = { onOptions() {}, onNotes() {} } as unknown as Platform;
const full = readOptions({ layout: "full", raceCount: 7 });

/** The height that a post's host has before the stored options are here. */
function heightAtFirst(): string | undefined {
  new App(platform).start();
  return document.querySelector<HTMLElement>("pitboard-stats")?.style.minBlockSize;
}

/** An earlier page of the reader's. */
async function visitPage(options: Options): Promise<void> {
  const app = new App(platform);
  app.start();
  await app.settle(options, {});
  await new Promise((done) => setTimeout(done)); // after the timer that stores the space
  document.body.innerHTML = POST;
}

beforeEach(() => {
  // an app never stops: those of earlier tests must not see this page
  vi.stubGlobal("MutationObserver", NoObserver);
  vi.stubGlobal("IntersectionObserver", NoObserver);
  localStorage.clear();
  document.body.innerHTML = POST;
});

describe("a page that is painted before the stored options are here", () => {
  it("has the default layout's space for a new reader", () => {
    expect(heightAtFirst()).toBe(reservedHeight("line", DEFAULTS));
  });

  it("has the space of the layout that the last page had", async () => {
    await visitPage(full);
    expect(heightAtFirst()).toBe(reservedHeight("line", full));
  });

  it.each([
    [true, "portrait"],
    [false, "full"],
  ] as const)("has the automatic layout's space for the window (narrow: %s)", async (matches, layout) => {
    vi.stubGlobal("matchMedia", () => ({ matches, addEventListener() {} }));
    await visitPage(readOptions({ layout: "auto" }));
    expect(heightAtFirst()).toBe(reservedHeight("line", readOptions({ layout })));
  });

  it("has no line if posts were switched off on the last page", async () => {
    await visitPage(readOptions({ surfaces: { posts: false } }));
    expect(heightAtFirst()).toBeUndefined();
  });

  it("has nothing in the page's storage after the reader went back to the defaults", async () => {
    await visitPage(full);
    await visitPage(DEFAULTS);
    expect(localStorage.length).toBe(0);
  });

  it("has nothing in the page's storage if the stored options name every surface's default", async () => {
    await visitPage(full);
    await visitPage(readOptions({ surfaces: { posts: true, messages: true, lists: false, search: false } }));
    expect(localStorage.length).toBe(0);
  });

  it("has the default layout's space if the page's storage is damaged", () => {
    localStorage.setItem("pitboard room", "{");
    expect(heightAtFirst()).toBe(reservedHeight("line", DEFAULTS));
  });
});

describe("a post that is seen before the stored options are here", () => {
  const asked = vi.fn(async () => ({}));
  let see = (): void => {};

  beforeEach(() => {
    asked.mockClear();
    class Sees extends NoObserver {
      readonly #hosts: Element[] = [];
      constructor(callback: IntersectionObserverCallback, options?: IntersectionObserverInit) {
        super();
        // the one that says which hosts are near the screen
        if (!options?.rootMargin) return;
        see = () => {
          const entries = this.#hosts.splice(0).map((target) => ({ target, isIntersecting: true }));
          callback(entries as never, this as never);
        };
      }
      override observe(host?: Element): void {
        if (host) this.#hosts.push(host);
      }
    }
    vi.stubGlobal("IntersectionObserver", Sees);
  });

  /** An app whose posts were seen, and a while later the options came. */
  async function seenEarly(options: Options): Promise<void> {
    const app = new App({ ...platform, drivers: asked } as unknown as Platform);
    app.start();
    see();
    await new Promise((done) => setTimeout(done, 40)); // longer than names are collected
    expect(asked).not.toHaveBeenCalled();
    await app.settle(options, {});
    see();
    await new Promise((done) => setTimeout(done, 40));
  }

  it("is asked for once, as the options want it", async () => {
    await seenEarly(full);
    expect(asked.mock.calls[0]).toEqual([["Ann"], { profile: true, now: true }]);
  });

  it("is not asked for if its driver is hidden", async () => {
    await seenEarly(readOptions({ hiddenDrivers: ["Ann"] }));
    expect(asked).not.toHaveBeenCalled();
  });
});

describe("a discussion in unknown markup", () => {
  const info = vi.spyOn(console, "info").mockImplementation(() => {});

  beforeEach(() => {
    vi.useFakeTimers();
    info.mockClear();
    history.replaceState(null, "", "/discussion/90001/cold-tyres");
  });
  afterEach(() => vi.useRealTimers());

  it("is reported in the console, once", () => {
    document.body.innerHTML = "<article>Ann: hello</article>";
    new App(platform).start();
    vi.advanceTimersByTime(60_000);
    expect(info.mock.calls).toEqual([["Pitboard: found no authors on this page."]]);
  });

  it("is not reported if there are authors, or none are expected", () => {
    new App(platform).start();
    vi.advanceTimersByTime(60_000);
    document.body.innerHTML = "";
    history.replaceState(null, "", "/entry/signin");
    new App(platform).start();
    vi.advanceTimersByTime(60_000);
    expect(info).not.toHaveBeenCalled();
  });
});
