/** Makes the pictures of the README and the shops in docs/images (1280 by 800, the tile 440 by 280): npm run build && npm run pictures. */

import { mkdir, readFile } from "node:fs/promises";
import { join, resolve } from "node:path";
import { startBackend } from "../test/support/backend.mjs";
import { startChromium } from "../test/support/browser.mjs";
import { classic } from "../test/support/pages.mjs";

const folder = resolve(import.meta.dirname, "../../docs/images");
await mkdir(folder, { recursive: true });

const bodies = {
  1: '<div class="js-embed"><a href="/profile/Ann%20Tester">Ann Tester</a> wrote:<br>Anyone else find the new tyre model easier to catch on cold laps?</div><p>Yes, <a class="atMention" data-username="Gia Finta" href="/profile/Gia%20Finta">@Gia Finta</a> said the same on Sunday.</p>',
};

const backend = await startBackend();
const forum = await startChromium(backend.url, { width: 1280, height: 800 });

const settled = (page) =>
  page.waitForFunction(
    () => [...document.querySelectorAll("pitboard-stats")].filter((h) => h.dataset.state === "fresh").length >= 20,
  );

async function pageIn(look) {
  const page = await forum.page("/discussion/90001/cold-tyres", classic({ look, bodies, me: "Dörte Prüfling" }));
  await settled(page);
  return page;
}

for (const look of ["light", "dark"]) {
  const page = await pageIn(look);
  await page.screenshot({ path: join(folder, `addon-${look}.png`) });
  await page.locator(".Item-Header pitboard-stats .open").nth(2).click();
  await page.locator("pitboard-card .history .figures").waitFor();
  await page.locator("pitboard-card .races li").first().waitFor();
  await page.locator("pitboard-card #kind-safety_rating").click();
  await page.locator('pitboard-card .chart[aria-label^="Safety"]').waitFor();
  if (look === "light") await page.locator("pitboard-card #kind-irating").click();
  await page.locator("pitboard-card .history .figures").waitFor();
  await page.evaluate(() => document.querySelector("pitboard-card").shadowRoot.activeElement?.blur());
  await page.screenshot({ path: join(folder, `card-${look}.png`) });
  await page.close();
}

const options = await forum.context.newPage();
await options.goto(`chrome-extension://${forum.id}/options.html`);
await options.locator("#cpi").check();
await options.evaluate(() => document.activeElement?.blur());
// the switch is animated
await options.evaluate(() => Promise.all(document.getAnimations().map((animation) => animation.finished)));
await options.screenshot({ path: join(folder, "options.png") });

const tile = await forum.context.newPage();
await tile.setViewportSize({ width: 440, height: 280 });
const html = await readFile(join(import.meta.dirname, "tile.html"), "utf8");
await tile.setContent(html.replace("ICON", await readFile(join(import.meta.dirname, "../icons/icon.svg"), "utf8")));
await tile.screenshot({ path: join(folder, "tile.png") });

await forum.close();
await backend.close();
