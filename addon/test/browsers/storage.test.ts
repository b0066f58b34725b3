/** A long visit: what the browser stores stays within its bounds, and answers are shown to the end. */

import { afterAll, beforeAll, expect, it } from "vitest";
import { type FakeBackend, startBackend } from "../support/backend.mjs";
import { type Forum, startChromium } from "../support/browser.mjs";
import { react } from "../support/pages.mjs";

let backend: FakeBackend;
let forum: Forum;

beforeAll(async () => {
  backend = await startBackend();
  forum = await startChromium(backend.url, { sealed: true });
});
afterAll(async () => {
  await forum.close();
  await backend.close();
});

const stored = (area: "session" | "local") =>
  forum.worker.evaluate(`chrome.storage.${area}.getBytesInUse()`) as Promise<number>;

/** PITBOARD_LONG=1: the long form, with 5,000 authors. The shelves are full after 600. */
const CHANGES = process.env.PITBOARD_LONG ? 100 : 30;

it("many page changes, all with new authors and profiles, show answers to the end, and the storage is flat", {
  timeout: 300_000,
}, async () => {
  const page = await forum.page("/discussion/1/x", react({ posts: 3, authors: ["Driver 90001"] }));
  // what a page asks of the background, for 50 authors with profiles a change
  const extension = await forum.context.newPage();
  await extension.goto(`chrome-extension://${forum.id}/options.html`);
  const used: number[] = [];
  for (let change = 0; change < CHANGES; change++) {
    const names = Array.from({ length: 50 }, (_, i) => `Driver ${change * 50 + i}`);
    const answered = await extension.evaluate(async (wanted) => {
      // @ts-expect-error the extension's own API
      const reply = await chrome.runtime.sendMessage({ type: "drivers", names: wanted, profile: true });
      return reply.value.filter(([, answer]: [string, object]) => "driver" in answer).length;
    }, names);
    expect(answered, `change ${change}`).toBe(50);
    if (change % 5 === 4) {
      used.push((await stored("session")) + (await stored("local")));
      await page.evaluate(
        (html) => {
          const next = new DOMParser().parseFromString(html, "text/html").querySelector("#app");
          document.querySelector("#app")?.replaceChildren(...(next?.childNodes ?? []));
        },
        react({ posts: 5, authors: names.slice(0, 5) }),
      );
      const fresh = "document.querySelectorAll('pitboard-stats[data-state=fresh]').length";
      await expect.poll(() => page.evaluate(fresh)).toBe(5);
    }
  }
  expect(Math.max(...used.slice(3))).toBeLessThan(1.5 * Math.min(...used.slice(3)));
  expect(await stored("session")).toBeLessThan(8_000_000);
  expect(await stored("local")).toBeLessThan(5_000_000);
});
