/** One style sheet for all our shadow roots. */

import { paletteCss } from "../core/palette.ts";

const sheets = new Map<string, CSSStyleSheet>();

/** Puts `css` and the licence colours into a shadow root. */
export function dress(root: ShadowRoot, css: string): void {
  try {
    let sheet = sheets.get(css);
    if (!sheet) {
      sheet = new CSSStyleSheet();
      sheet.replaceSync(paletteCss() + css);
      sheets.set(css, sheet);
    }
    root.adoptedStyleSheets = [sheet];
  } catch {
    // Firefox does not let a content script hand its own sheet to the page's shadow root
    const style = document.createElement("style");
    style.textContent = paletteCss() + css;
    root.append(style);
  }
}
