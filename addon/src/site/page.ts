/** What a page of the forum says of itself. */

import { tidyName } from "../core/names.ts";

/** Whether a page with this path should have authors. */
export const expectsAuthors = (path: string): boolean => path.startsWith("/discussion/");

/** The reader's own name as the page shows it (the photo in the title bar), or "". */
export function ownName(): string {
  const link = document.querySelector(".MeBox .Username, .MeBox .ProfileLink, .meBox .userName");
  const photo = document.querySelector(
    'header img[alt^="User: "], #titleBar img[alt^="User: "], .MeBox img[alt^="User: "]',
  );
  const alt = /^User: "(.+)"$/.exec(photo?.getAttribute("alt") ?? "")?.[1];
  return tidyName(link?.textContent) || tidyName(alt);
}
