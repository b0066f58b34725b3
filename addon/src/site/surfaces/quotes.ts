/** The author of a quote in a post. */

import { all, BODY, badgeAfter, PROFILE_LINK, type Surface } from "../surface.ts";

const QUOTE = '.QuoteAuthor, .js-embed, .embedQuote, [class*="embedText"], [class*="quoteEmbed"]';

export default {
  order: 4,
  byDefault: true,
  *find(root) {
    for (const link of all(root, `:is(${BODY}) ${PROFILE_LINK}:not(.atMention)`)) {
      if (link.closest(QUOTE)) yield* badgeAfter(link);
    }
  },
} satisfies Surface;
