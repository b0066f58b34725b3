/**
 * What a surface is, and what surfaces share. A surface is one kind of place on the forum with names: posts, quotes,
 * search results. No other folder than `site` knows the forum's markup. The forum replaces `a.js-userCard` by React copies
 * after loading, so links are read but never stored or marked.
 */

import { linkedName } from "../core/names.ts";

/** Where one host goes. */
export interface MountPoint {
  /** The element that has the name: at most one host for each container. */
  container: Element;
  name: string;
  /** A line of its own, or a small badge after the name. */
  form: "line" | "badge";
  mount(host: HTMLElement): void;
}

/** A file in `surfaces/` exports one of these. The file's name is the surface's id. */
export interface Surface {
  /** Its position in the options. */
  order: number;
  /** Whether it is on for a reader who has not chosen. */
  byDefault: boolean;
  /** Whether a page with this path can have it. Without this method, every page can. */
  on?(path: string): boolean;
  /** Selector of the element to search again after a change inside it. Without one, only what changed is searched. */
  scope?: string;
  /** The mount points in `root`, which may be one itself. */
  find(root: Element): Iterable<MountPoint>;
}

/** The text of a post. */
export const BODY = ".userContent, .Message";
export const PROFILE_LINK = 'a[href*="/profile/"]';

/** Elements from `root` downwards, the root too. */
export function* all(root: Element, selector: string): Iterable<Element> {
  if (root.matches(selector)) yield root;
  yield* root.querySelectorAll(selector);
}

/**
 * The name that a link to a profile stands for; "" for the link of a photo. Until the forum has loaded its user card, a
 * link has "Loading" in it, in an element beside its own text or in place of it.
 */
export function linkName(link: Element): string {
  if (link.matches(".PhotoWrap") || link.querySelector("img")) return "";
  let own = "";
  for (const node of link.childNodes) if (node.nodeType === 3) own += node.nodeValue;
  const text = own.trim() || link.textContent?.trim();
  return text ? linkedName(link.getAttribute("href") ?? "", text) : "";
}

export const isInBody = (element: Element): boolean => element.closest(BODY) !== null;

/** Who wrote a post, and the link that says so. */
export interface Author {
  link: Element;
  name: string;
}

/** The first of some links that has a name. */
export function firstAuthor(links: Iterable<Element>): Author | null {
  for (const link of links) {
    const name = linkName(link);
    if (name) return { link, name };
  }
  return null;
}

/**
 * In classic markup the name is in `.Author`. Some themes put the photo's link there too, first. `undefined`: the post has
 * no such element; null: it has one without a link, as of a deleted user.
 */
export function classicAuthor(post: Element): Author | null | undefined {
  for (const author of post.querySelectorAll(".Author:not(.Photo)")) {
    if (!isInBody(author)) return firstAuthor(author.querySelectorAll("a"));
  }
  return undefined;
}

/** A line after an element; none without a name. */
export function lineAfter(element: Element, container: Element, name: string): MountPoint[] {
  return name ? [{ container, name, form: "line", mount: (host) => element.after(host) }] : [];
}

/** A badge after a link; none without a name. */
export function badgeAfter(link: Element, name = linkName(link)): MountPoint[] {
  return name ? [{ container: link, name, form: "badge", mount: (host) => link.after(host) }] : [];
}
