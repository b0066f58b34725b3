/**
 * Watches the page for posts that come, change or go: AJAX replies, edits, React pages. It starts while the page is being
 * parsed, so that the hosts are there before anything is painted.
 */

import { HOST_TAG } from "../ui/host.ts";
import { SCOPES, scopeOf } from "./surfaces.ts";

/** Which attributes of the page's root or body say that it is light or dark. */
const THEME = { attributeFilter: ["class", "style", "data-iracing-forums-user-color-scheme"] };

const isOurs = (node: Node): boolean => (node as Element).localName?.startsWith("pitboard-") ?? false;

export class Watcher {
  readonly #observer: MutationObserver;
  #themes: MutationObserver | undefined;
  readonly #search: (roots: Set<Element>) => void;
  readonly #removed: (host: Element) => void;

  /**
   * @param search is called with the elements to search again
   * @param removed is called with a host that another script removed
   */
  constructor(search: (roots: Set<Element>) => void, removed: (host: Element) => void) {
    this.#search = search;
    this.#removed = removed;
    this.#observer = new MutationObserver((records) => this.#changed(records));
  }

  /** @param themeChanged is called when the page may have changed its colours */
  start(themeChanged: () => void): void {
    this.#themes = new MutationObserver(themeChanged);
    this.#themes.observe(document.documentElement, THEME);
    this.#watchParsing();
  }

  /**
   * While the page is being parsed, it is searched once before each frame: an observer would be called for every node.
   * After that, the observer is used.
   */
  #watchParsing(): void {
    const everything = document.getElementsByTagName("*");
    let seen = 0;
    const search = () => {
      if (everything.length !== seen) this.#searchIn(new Set([document.documentElement]));
      seen = everything.length;
    };
    if (document.readyState !== "loading") {
      search();
      this.#observe();
      return;
    }
    const beforePaint = () => {
      search();
      // the last search is before a frame, too: by then the stored options are here
      if (document.readyState === "loading") requestAnimationFrame(beforePaint);
    };
    requestAnimationFrame(beforePaint);
    const parsed = () => {
      if (document.hidden) search(); // a tab behind others has no frames, and should be ready when it is looked at
      this.#observe(); // the page's own scripts may replace nodes before the next frame
    };
    document.addEventListener("DOMContentLoaded", parsed, { once: true });
  }

  #observe(): void {
    this.#themes?.observe(document.body, THEME);
    this.#observer.observe(document, { childList: true, subtree: true, characterData: true });
  }

  #changed(records: MutationRecord[]): void {
    const roots = new Set<Element>();
    for (const { type, target, addedNodes, removedNodes } of records) {
      const inLink = (target as Element).closest?.("a") ?? target.parentElement?.closest("a");
      // a link's text and loader come and go without the link
      if (inLink) {
        roots.add(scopeOf(inLink));
        continue;
      }
      if (type === "characterData") continue;
      for (const node of addedNodes) {
        if (node.nodeType === 1 && !isOurs(node) && node.isConnected) roots.add(scopeOf(node as Element));
      }
      for (const node of removedNodes) {
        if ((node as Element).localName === HOST_TAG && !node.isConnected) this.#removed(node as Element);
        else if (node.nodeType === 1 && !isOurs(node) && target.isConnected) {
          // without this node, a post may have no author any more
          const post = (target as Element).closest?.(SCOPES);
          if (post) roots.add(post);
        }
      }
    }
    if (roots.size) this.#searchIn(roots);
  }

  /** Searches. No other script runs meanwhile, so the changes that wait then are our own hosts. */
  #searchIn(roots: Set<Element>): void {
    this.#search(roots);
    this.#observer.takeRecords();
  }
}
