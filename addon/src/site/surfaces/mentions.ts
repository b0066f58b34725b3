/** Mentions: `@Name` in a post. */

import { tidyName } from "../../core/names.ts";
import { all, badgeAfter, linkName, type Surface } from "../surface.ts";

export default {
  order: 5,
  byDefault: true,
  *find(root) {
    for (const link of all(root, "a.atMention")) {
      yield* badgeAfter(link, tidyName(link.getAttribute("data-username")) || linkName(link));
    }
  },
} satisfies Surface;
