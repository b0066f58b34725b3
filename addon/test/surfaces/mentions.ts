import { classic, REPLY } from "../support/pages.mjs";
import type { Fixture } from "../support/surfaces.ts";

export default {
  path: "/discussion/90001/cold-tyres",
  html: classic({ posts: 1, bodies: { 0: REPLY } }),
  names: ["Finn Falsk"],
} satisfies Fixture;
