/** A driver's profile page: its title, and not each of the rows below, which are all by the same driver. */

import { nameKey, tidyName } from "../../core/names.ts";
import { ownName } from "../page.ts";
import { lineAfter, type Surface } from "../surface.ts";

/** The names that the address of the page has, decoded; in it may be an id and the name of a tab, too. */
function namesIn(path: string): string[] {
  return path.split("/").flatMap((part) => {
    try {
      const once = decodeURIComponent(part);
      return [once, once.includes("%") ? decodeURIComponent(once) : once].map((name) => nameKey(tidyName(name)));
    } catch {
      return [];
    }
  });
}

export default {
  order: 3,
  byDefault: true,
  on: (path) => path.startsWith("/profile"),
  *find(root) {
    for (const title of document.querySelectorAll('h1.H, dd.Name[itemprop="name"]')) {
      const name = tidyName(title.firstChild?.textContent);
      // a title may be "Comments", and the reader's own profile has no name in its address
      const isDriver = name && (namesIn(location.pathname).includes(nameKey(name)) || name === ownName());
      if (!isDriver) continue;
      if (root.contains(title)) yield* lineAfter(title, title, name);
      return;
    }
  },
} satisfies Surface;
