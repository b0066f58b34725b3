/** Posts: the opening post of a discussion and its comments, in classic and in React markup. */

import { tidyName } from "../../core/names.ts";
import {
  all,
  BODY,
  classicAuthor,
  isInBody,
  lineAfter,
  linkName,
  type MountPoint,
  PROFILE_LINK,
  type Surface,
} from "../surface.ts";

const POST = '.ItemDiscussion, .ItemComment, [id^="Comment_"], [id^="Discussion_"]';

/** In React markup: the first profile link with text that is not in the post's body. */
function reactAuthor(post: Element): Element | null {
  for (const link of post.querySelectorAll(PROFILE_LINK)) {
    if (!isInBody(link) && tidyName(link.textContent)) return link;
  }
  return null;
}

/** React's header: the outermost element inside the post that holds the link but not the body. */
function reactHeader(link: Element, post: Element): Element | null {
  let at: Element = link;
  while (at.parentElement && at.parentElement !== post.parentElement) {
    if (at.parentElement.querySelector(BODY)) return at;
    at = at.parentElement;
  }
  return null;
}

/** A header that lays its parts out in a row gets a second row for the host. Its own parts stay in the first row. */
function mountInHeader(header: HTMLElement, host: HTMLElement): void {
  header.style.flexWrap = "wrap";
  const content = header.querySelector<HTMLElement>(":scope > .Item-HeaderContent");
  if (content) content.style.flex = "1 1 0";
  header.append(host);
}

function find(post: Element): MountPoint[] {
  const classic = classicAuthor(post);
  const link = classic ?? reactAuthor(post);
  const name = link ? linkName(link) : "";
  if (!link || !name) return [];
  const header = classic?.closest<HTMLElement>(".Item-Header, .CommentHeader, .DiscussionHeader");
  if (header) return [{ container: post, name, form: "line", mount: (host) => mountInHeader(header, host) }];
  const before = classic ? classic.closest(".AuthorWrap, .Author") : reactHeader(link, post);
  return before ? lineAfter(before, post, name) : [];
}

export default {
  order: 1,
  byDefault: true,
  scope: POST,
  on: (path) => !path.startsWith("/search"),
  *find(root) {
    for (const post of all(root, POST)) {
      // a row in a list has its discussion's id too, but no body; classic posts may be nested
      if (!post.parentElement?.closest(POST) && post.querySelector(BODY)) yield* find(post);
    }
  },
} satisfies Surface;
