/**
 * Shadow roots and their style sheets. The roots are closed, and buttons take only the reader's own clicks (`trusted` in
 * h.ts): scripts of the page can neither read a private note nor press a button.
 */

import { paletteCss } from "../core/palette.ts";

const sheets = new Map<string, CSSStyleSheet>();

/** Adds `css` and the licence colours to a shadow root. */
export function addStyles(root: ShadowRoot, css: string): void {
  try {
    let sheet = sheets.get(css);
    if (!sheet) {
      sheet = new CSSStyleSheet();
      sheet.replaceSync(paletteCss() + css);
      sheets.set(css, sheet);
    }
    root.adoptedStyleSheets = [sheet];
  } catch {
    // Firefox forbids a content script's own style sheet in a shadow root of the page
    const style = document.createElement("style");
    style.textContent = paletteCss() + css;
    root.append(style);
  }
}

const roots = new WeakMap<Element, ShadowRoot>();

/** The shadow root that a host has from us. */
export const rootOf = (host: Element | null): ShadowRoot | undefined => (host ? roots.get(host) : undefined);

/** Gives a host its shadow root. */
export function makeRoot(host: Element, css: string): ShadowRoot {
  const root = host.attachShadow({ mode: "closed" });
  roots.set(host, root);
  addStyles(root, css);
  return root;
}

const WRITING = ["keydown", "keypress", "keyup", "beforeinput", "input", "copy", "cut", "paste", "drop"];
const COMPOSING = ["compositionstart", "compositionupdate", "compositionend"];

/**
 * Tells the page nothing of what is written into our fields: such events leave a closed root, and they have the text. It
 * has to be called before the page's scripts run. It also keeps the forum's key commands from a reader who writes a note.
 */
export function keepPrivate(): void {
  const stop = (event: Event) => {
    if ((event.target as Element | null)?.localName?.startsWith("pitboard-")) event.stopImmediatePropagation();
  };
  for (const type of [...WRITING, ...COMPOSING]) addEventListener(type, stop, true);
}
