/** Posts: the opening post of a discussion and its comments, in classic and in React markup. */

import {
  type Author,
  all,
  BODY,
  classicAuthor,
  lineAfter,
  linkName,
  type MountPoint,
  PROFILE_LINK,
  type Surface,
} from "../surface.ts";

const POST = '.ItemDiscussion, .ItemComment, [id^="Comment_"], [id^="Discussion_"]';

/** Whether `post` has text before `link`, other than in headings and in links to the same address (the photo's). */
function hasTextBefore(link: Element, post: Element): boolean {
  const address = link.getAttribute("href");
  const texts = document.createTreeWalker(post, NodeFilter.SHOW_TEXT);
  for (let node = texts.nextNode(); node && !link.contains(node); node = texts.nextNode()) {
    const parent = node.parentElement;
    if (!node.nodeValue?.trim() || parent?.closest("h1, h2, h3, style")) continue;
    if (parent?.closest("a")?.getAttribute("href") !== address) return true;
  }
  return false;
}

/**
 * In React markup the author's link is what the header begins with. A post of a deleted user has none: a later link in
 * the header ("edited by"), or one below the text (reactions), is another person's.
 */
function reactAuthor(post: Element): Author | null {
  const body = post.querySelector(BODY);
  for (const link of post.querySelectorAll(PROFILE_LINK)) {
    if (body && body.compareDocumentPosition(link) & Node.DOCUMENT_POSITION_FOLLOWING) return null;
    const name = linkName(link);
    if (name) return hasTextBefore(link, post) ? null : { link, name };
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
  const author = classic === undefined ? reactAuthor(post) : classic;
  if (!author) return [];
  const { link, name } = author;
  const header = classic && link.closest<HTMLElement>(".Item-Header, .CommentHeader, .DiscussionHeader");
  if (header) return [{ container: post, name, form: "line", mount: (host) => mountInHeader(header, host) }];
  const before = classic ? link.closest(".AuthorWrap, .Author") : reactHeader(link, post);
  return before ? lineAfter(before, post, name) : [];
}

export default {
  order: 1,
  byDefault: true,
  scope: POST,
  // on a profile page all rows are by the same driver, whom the title names
  on: (path) => !/^\/(search|profile)/.test(path),
  *find(root) {
    for (const post of all(root, POST)) {
      // a row in a list has its discussion's id too, but no body; classic posts may be nested
      if (!post.parentElement?.closest(POST) && post.querySelector(BODY)) yield* find(post);
    }
  },
} satisfies Surface;
