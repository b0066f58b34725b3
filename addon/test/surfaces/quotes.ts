import { classic, REPLY } from "../support/pages.mjs";
import type { Fixture } from "../support/surfaces.ts";

const OLD_QUOTE = `<blockquote class="Quote UserQuote"><div class="QuoteText QuoteAuthor"><a href="/profile/Ines%20Fingida" data-userid="5">Ines Fingida</a> wrote:</div></blockquote>`;

export default {
  path: "/discussion/90001/cold-tyres",
  html: classic({ posts: 2, bodies: { 0: REPLY, 1: OLD_QUOTE } }),
  names: ["Bo Demo", "Ines Fingida"],
} satisfies Fixture;
