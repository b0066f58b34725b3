import { beforeEach, describe, expect, it, vi } from "vitest";
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
  document.body.innerHTML = POST;
}

describe("a page that is painted before the stored options are here", () => {
  beforeEach(() => {
    // an app never ends; those of earlier tests must not see this page
    vi.stubGlobal("MutationObserver", Nothing);
    vi.stubGlobal("IntersectionObserver", Nothing);
    vi.stubGlobal("requestIdleCallback", (run: () => void) => run());
    localStorage.clear();
    document.body.innerHTML = POST;
  });

  it("keeps the room of the default layout for a new reader", () => {
    expect(roomAtFirst()).toBe(`${reservedHeight("line", DEFAULTS)}px`);
  });

  it("keeps the room of the layout that the last page had", async () => {
    await visited(full);
    expect(roomAtFirst()).toBe(`${reservedHeight("line", full)}px`);
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
