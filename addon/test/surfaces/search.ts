import { frame } from "../support/pages.mjs";
import type { Fixture } from "../support/surfaces.ts";

export default {
  path: "/search?query=tyres",
  html: frame(
    "light",
    "Search",
    `<ul><li class="pageBox"><a href="/discussion/1/x">A topic</a><div class="Meta">Started by <a data-link-type="legacy" href="https://forums.iracing.com/profile/501/Ann%20Tester">Ann Tester</a></div></li></ul>`,
  ),
  names: ["Ann Tester"],
} satisfies Fixture;
