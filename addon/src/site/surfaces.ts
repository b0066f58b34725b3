/**
 * Where names stand on the forum. A surface finds its places below a root and says where the stats go; nothing else
 * in the addon knows the forum's markup. The forum replaces `a.js-userCard` by React copies after loading, so links
 * are read but never kept or marked.
 */

import { nameFromHref, tidyName } from "../core/names.ts";
import type { SurfaceId } from "../core/options.ts";

export interface Place {
  surface: SurfaceId;
  /** The element that the place belongs to: at most one host for each container and form. */
  container: Element;
  name: string;
  /** A line of its own, or a small badge behind the name. */
  form: "line" | "badge";
  mount(host: HTMLElement): void;
}

interface Surface {
  id: SurfaceId;
  /** Is this a page on which the surface may occur? */
  on(path: string): boolean;
  find(root: Element): Iterable<Place>;
}

const BODY = ".userContent, .Message";
const POST = '.ItemDiscussion, .ItemComment, [id^="Comment_"], [id^="Discussion_"]';
const PROFILE_LINK = 'a[href*="/profile/"]';
const BODY_LINK = `:is(${BODY}) ${PROFILE_LINK}`;

/** Elements from `root` downwards, the root too. */
function* all(root: Element, selector: string): Iterable<Element> {
  if (root.matches(selector)) yield root;
  yield* root.querySelectorAll(selector);
}

const linkName = (link: Element): string => tidyName(link.textContent) || nameFromHref(link.getAttribute("href") ?? "");

const isBody = (element: Element): boolean => element.closest(BODY) !== null;

/** In classic markup the name is in `.Author`; some themes put the photo's link there too, first. */
function classicAuthor(post: Element): Element | null {
  for (const link of post.querySelectorAll(".Author a:not(.PhotoWrap)")) {
    if (!isBody(link) && linkName(link)) return link;
  }
  return null;
}

/** In React markup: the first profile link with text that is not in the post's body. */
function reactAuthor(post: Element): Element | null {
  for (const link of post.querySelectorAll(PROFILE_LINK)) {
    if (!isBody(link) && tidyName(link.textContent)) return link;
  }
  return null;
}

/** The child of the post's box that holds the link but not the body: React's header. */
function reactHeader(link: Element, post: Element): Element | null {
  let at: Element = link;
  while (at.parentElement && at.parentElement !== post.parentElement) {
    if (at.parentElement.querySelector(BODY)) return at;
    at = at.parentElement;
  }
  return null;
}

/** A header that lays its parts out in a row gets a second row for us; its parts keep sharing the first. */
function mountInHeader(header: HTMLElement, host: HTMLElement): void {
  header.style.flexWrap = "wrap";
  const content = header.querySelector<HTMLElement>(":scope > .Item-HeaderContent");
  if (content) content.style.flex = "1 1 0";
  header.append(host);
}

function post(container: Element): Place | null {
  const classic = classicAuthor(container);
  const link = classic ?? reactAuthor(container);
  const name = link ? linkName(link) : "";
  if (!link || !name) return null;
  const header = classic?.closest<HTMLElement>(".Item-Header, .CommentHeader, .DiscussionHeader");
  const behind = header ? null : classic ? classic.closest(".AuthorWrap, .Author") : reactHeader(link, container);
  if (!header && !behind) return null;
  return {
    surface: "posts",
    container,
    name,
    form: "line",
    mount: (host) => (header ? mountInHeader(header, host) : behind?.after(host)),
  };
}

/** A badge behind a link. */
function badge(surface: SurfaceId, link: Element, name: string): Place | null {
  return name ? { surface, container: link, name, form: "badge", mount: (host) => link.after(host) } : null;
}

function* present(places: Iterable<Place | null>): Iterable<Place> {
  for (const place of places) if (place) yield place;
}

function* map<T>(items: Iterable<Element>, make: (element: Element) => T): Iterable<T> {
  for (const item of items) yield make(item);
}

/** Pages that list discussions or categories; everything else may hold posts. */
const isList = (path: string): boolean => /^\/($|discussions|categories|c\/|activity)/.test(path);

export const SURFACES: readonly Surface[] = [
  {
    id: "posts",
    on: (path) => !path.startsWith("/search"),
    *find(root) {
      for (const container of all(root, POST)) {
        // a row of a list has the id of its discussion too, but neither header nor body; classic posts may nest
        if (container.parentElement?.closest(POST) || !container.querySelector(BODY)) continue;
        const place = post(container);
        if (place) yield place;
      }
    },
  },
  {
    id: "messages",
    on: () => true,
    *find(root) {
      for (const container of all(root, ".ConversationMessage")) {
        const link = classicAuthor(container);
        const after = link?.closest(".Meta, .Item-Header") ?? link?.closest(".Author");
        const name = link ? linkName(link) : "";
        if (after && name)
          yield { surface: "messages", container, name, form: "line", mount: (host) => after.after(host) };
      }
    },
  },
  {
    id: "profile",
    on: (path) => path.startsWith("/profile/"),
    *find(root) {
      for (const title of all(root, 'h1.H, dd.Name[itemprop="name"]')) {
        const name = tidyName(title.firstChild?.textContent);
        if (name)
          yield { surface: "profile", container: title, name, form: "line", mount: (host) => title.after(host) };
        return;
      }
    },
  },
  {
    id: "mentions",
    on: () => true,
    find: (root) =>
      present(
        map(all(root, "a.atMention"), (link) =>
          badge("mentions", link, tidyName(link.getAttribute("data-username")) || linkName(link)),
        ),
      ),
  },
  {
    id: "quotes",
    on: () => true,
    *find(root) {
      for (const link of all(root, BODY_LINK)) {
        if (link.classList.contains("atMention")) continue;
        const quote = link.closest('.QuoteAuthor, .js-embed, .embedQuote, [class*="embedText"], [class*="quoteEmbed"]');
        const place = quote && tidyName(link.textContent) ? badge("quotes", link, linkName(link)) : null;
        if (place) yield place;
      }
    },
  },
  {
    id: "lists",
    on: isList,
    *find(root) {
      const classic = ".LastCommentBy a, .DiscussionAuthor a, .BlockColumn-User a.UserLink, .MostRecentBy a.UserLink";
      for (const link of all(root, `${classic}, a[data-link-type]${PROFILE_LINK.slice(1)}`)) {
        if (isBody(link) || !tidyName(link.textContent)) continue;
        const place = badge("lists", link, linkName(link));
        if (place) yield place;
      }
    },
  },
  {
    id: "search",
    on: (path) => path.startsWith("/search"),
    *find(root) {
      for (const link of all(root, PROFILE_LINK)) {
        const place = tidyName(link.textContent) ? badge("search", link, linkName(link)) : null;
        if (place && !link.closest("header, nav")) yield place;
      }
    },
  },
];

/** Is this a page on which there should be authors? */
export const expectsAuthors = (path: string): boolean => path.startsWith("/discussion/");

/** The element to search again when something changed at `element`: its post, or itself. */
export const scope = (element: Element): Element => element.closest(`${POST}, .ConversationMessage`) ?? element;

/** The reader's own name as the page shows it (the photo in the title bar), or "". */
export function ownName(): string {
  const link = document.querySelector(".MeBox .Username, .MeBox .ProfileLink, .meBox .userName");
  const photo = document.querySelector(
    'header img[alt^="User: "], #titleBar img[alt^="User: "], .MeBox img[alt^="User: "]',
  );
  const alt = /^User: "(.+)"$/.exec(photo?.getAttribute("alt") ?? "")?.[1];
  return tidyName(link?.textContent) || tidyName(alt);
}
