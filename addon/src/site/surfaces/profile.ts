/** A driver's profile page: its title. */

import { tidyName } from "../../core/names.ts";
import { all, lineAfter, type Surface } from "../surface.ts";

export default {
  order: 3,
  byDefault: true,
  on: (path) => path.startsWith("/profile/"),
  *find(root) {
    for (const title of all(root, 'h1.H, dd.Name[itemprop="name"]')) {
      yield* lineAfter(title, title, tidyName(title.firstChild?.textContent));
      return;
    }
  },
} satisfies Surface;
