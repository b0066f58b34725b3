import { classic } from "../support/pages.mjs";
import type { Fixture } from "../support/surfaces.ts";

export default {
  path: "/discussion/90001/cold-tyres",
  html: classic({ posts: 3 }),
  names: ["Ann Tester", "Bo Demo", "Caspar van Voorbeeld"],
} satisfies Fixture;
