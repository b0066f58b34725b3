/** Search results. */

import { tidyName } from "../../core/names.ts";
import { all, badgeAfter, PROFILE_LINK, type Surface } from "../surface.ts";

export default {
  order: 7,
  // results have many names that the reader did not ask about
  byDefault: false,
  on: (path) => path.startsWith("/search"),
  *find(root) {
    for (const link of all(root, PROFILE_LINK)) {
      if (tidyName(link.textContent) && !link.closest("header, nav")) yield* badgeAfter(link);
    }
  },
} satisfies Surface;
