import { afterEach, beforeEach, describe, expect, it, vi } from "vitest";
import { App } from "../../src/app.ts";
import { DEFAULTS, type Options, readOptions } from "../../src/core/options.ts";
import type { Platform } from "../../src/platform/platform.ts";
import { reservedHeight } from "../../src/ui/line.ts";

const POST = `
  <div class="ItemComment" id="Comment_1"><div class="Item-Header"><div class="Author"><a href="/profile/Ann">Ann</a></div></div>
  <div class="Message">Hello</div></div>`;

class Nothing {
  observe(): void {}
  unobserve(): void {}
}

const platform = { onOptions() {}, onNotes() {} } as unknown as Platform;
const full = readOptions({ layout: "full", raceCount: 7 });

/** The room that a post has before the stored options are here. */
function roomAtFirst(): string | undefined {
  new App(platform).start();
  return document.querySelector<HTMLElement>("pitboard-stats")?.style.minBlockSize;
}

async function visited(options: Options): Promise<void> {
  const app = new App(platform);
  app.start();
  await app.settle(options, {});
  await new Promise((kept) => setTimeout(kept)); // after the timer that keeps the room
  document.body.innerHTML = POST;
}

beforeEach(() => {
  // an app never ends; those of earlier tests must not see this page
  vi.stubGlobal("MutationObserver", Nothing);
  vi.stubGlobal("IntersectionObserver", Nothing);
  localStorage.clear();
  document.body.innerHTML = POST;
});

describe("a page that is painted before the stored options are here", () => {
  it("keeps the room of the default layout for a new reader", () => {
    expect(roomAtFirst()).toBe(`${reservedHeight("line", DEFAULTS)}px`);
  });

  it("keeps the room of the layout that the last page had", async () => {
    await visited(full);
    expect(roomAtFirst()).toBe(`${reservedHeight("line", full)}px`);
  });

  it("has no line where the reader of the last page wanted none", async () => {
    await visited(readOptions({ surfaces: { posts: false } }));
    expect(roomAtFirst()).toBeUndefined();
  });

  it("forgets the room when the reader goes back to the defaults", async () => {
    await visited(full);
    await visited(DEFAULTS);
    expect(localStorage.length).toBe(0);
  });

  it("stands nonsense in the page's storage", () => {
    localStorage.setItem("pitboard room", "{");
    expect(roomAtFirst()).toBe(`${reservedHeight("line", DEFAULTS)}px`);
  });
});

describe("a discussion in markup that nobody knows", () => {
  const said = vi.spyOn(console, "info").mockImplementation(() => {});

  beforeEach(() => {
    vi.useFakeTimers();
    said.mockClear();
    history.replaceState(null, "", "/discussion/90001/cold-tyres");
  });
  afterEach(() => vi.useRealTimers());

  it("is told of in the console, once", () => {
    document.body.innerHTML = "<article>Ann: hello</article>";
    new App(platform).start();
    vi.advanceTimersByTime(60_000);
    expect(said.mock.calls).toEqual([["Pitboard: found no authors on this page."]]);
  });

  it("is no matter while there are authors, or none are expected", () => {
    new App(platform).start();
    vi.advanceTimersByTime(60_000);
    document.body.innerHTML = "";
    history.replaceState(null, "", "/entry/signin");
    new App(platform).start();
    vi.advanceTimersByTime(60_000);
    expect(said).not.toHaveBeenCalled();
  });
});
