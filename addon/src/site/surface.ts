/**
 * What a surface is, and what surfaces share. A surface is one kind of place on the forum with names: posts, quotes,
 * search results. No other folder than `site` knows the forum's markup. The forum replaces `a.js-userCard` by React copies
 * after loading, so links are read but never stored or marked.
 */

import { nameFromHref, tidyName } from "../core/names.ts";

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

export const linkName = (link: Element): string =>
  tidyName(link.textContent) || nameFromHref(link.getAttribute("href") ?? "");

export const isInBody = (element: Element): boolean => element.closest(BODY) !== null;

/** In classic markup the name is in `.Author`. Some themes put the photo's link there too, first. */
export function classicAuthor(post: Element): Element | null {
  for (const link of post.querySelectorAll(".Author a:not(.PhotoWrap)")) {
    if (!isInBody(link) && linkName(link)) return link;
  }
  return null;
}

/** A line after an element; none without a name. */
export function lineAfter(element: Element, container: Element, name: string): MountPoint[] {
  return name ? [{ container, name, form: "line", mount: (host) => element.after(host) }] : [];
}

/** A badge after a link; none without a name. */
export function badgeAfter(link: Element, name = linkName(link)): MountPoint[] {
  return name ? [{ container: link, name, form: "badge", mount: (host) => link.after(host) }] : [];
}
