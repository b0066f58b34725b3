import { frame } from "../support/pages.mjs";
import type { Fixture } from "../support/surfaces.ts";

export default {
  path: "/profile/501/Ann%20Tester",
  html: frame(
    "light",
    "Profile",
    `<div class="Profile pageBox"><h1 class="H">Ann Tester<span class="Gloss"> Member</span></h1><p>About me</p></div>`,
  ),
  names: ["Ann Tester"],
} satisfies Fixture;
