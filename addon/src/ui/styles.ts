/** Style sheets, each made once and shared by shadow roots. */

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
