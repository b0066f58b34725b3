/** When the page is searched for posts while it is being parsed. */

import { afterEach, beforeEach, describe, expect, it, vi } from "vitest";
import { Watcher } from "../../src/site/watch.ts";

const frames: FrameRequestCallback[] = [];
const search = vi.fn();
let observed = 0;

class Observer {
  observe(target: Node): void {
    if (target === document) observed++;
  }
  takeRecords(): void {}
}

/** A page that is being parsed, with the watcher on it. */
function parsing(hidden: boolean): void {
  vi.spyOn(document, "readyState", "get").mockReturnValue("loading");
  vi.spyOn(document, "hidden", "get").mockReturnValue(hidden);
  new Watcher(search, () => {}).start(() => {});
}

function parsed(): void {
  vi.spyOn(document, "readyState", "get").mockReturnValue("interactive");
  document.dispatchEvent(new Event("DOMContentLoaded"));
}

beforeEach(() => {
  frames.length = 0;
  observed = 0;
  search.mockClear();
  vi.stubGlobal("MutationObserver", Observer);
  vi.stubGlobal("requestAnimationFrame", (frame: FrameRequestCallback) => frames.push(frame));
});

afterEach(() => {
  vi.restoreAllMocks();
  vi.unstubAllGlobals();
});

describe("a page that is being parsed", () => {
  it("is searched before its first frame, and no more after that", () => {
    parsing(false);
    parsed();
    expect(search).not.toHaveBeenCalled();
    frames.splice(0).forEach((frame) => void frame(0));
    expect(search).toHaveBeenCalledTimes(1);
    expect(frames).toHaveLength(0);
  });

  it("is observed as soon as it is parsed: its scripts may replace nodes before the first frame", () => {
    parsing(false);
    expect(observed).toBe(0);
    parsed();
    expect(observed).toBe(1);
  });

  it("is searched as soon as it is parsed in a tab behind others, which has no frames", () => {
    parsing(true);
    parsed();
    expect(search).toHaveBeenCalledTimes(1);
  });
});
