/** The activity feed: who did something, to whom, and who commented on it. */

import { all, badgeAfter, isInBody, PROFILE_LINK, type Surface } from "../surface.ts";

export default {
  order: 7,
  // a feed has many names that the reader did not ask about
  byDefault: false,
  on: (path) => path.startsWith("/activity"),
  *find(root) {
    for (const link of all(root, `[id^="Activity"] ${PROFILE_LINK}`)) {
      if (!isInBody(link) && !link.closest(".Excerpt")) yield* badgeAfter(link);
    }
  },
} satisfies Surface;
