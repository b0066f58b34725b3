/** Search results. */

import { all, badgeAfter, PROFILE_LINK, type Surface } from "../surface.ts";

export default {
  order: 8,
  // results have many names that the reader did not ask about
  byDefault: false,
  on: (path) => path.startsWith("/search"),
  *find(root) {
    for (const link of all(root, PROFILE_LINK)) {
      if (!link.closest("header, nav")) yield* badgeAfter(link);
    }
  },
} satisfies Surface;
