/** Lists of discussions and categories: who wrote first or last. */

import { all, badgeAfter, isInBody, PROFILE_LINK, type Surface } from "../surface.ts";

const CLASSIC = ".LastCommentBy a, .DiscussionAuthor a, .BlockColumn-User a.UserLink, .MostRecentBy a.UserLink";

export default {
  order: 6,
  // a list has many names that the reader did not ask about
  byDefault: false,
  on: (path) => /^\/($|discussions|categories|c\/)/.test(path),
  *find(root) {
    for (const link of all(root, `${CLASSIC}, ${PROFILE_LINK}[data-link-type]`)) {
      if (!isInBody(link)) yield* badgeAfter(link);
    }
  },
} satisfies Surface;
