/** Whether the forum is light or dark. */

import type { Options, Theme } from "../core/options.ts";

/** Luminance (0 to 255) of the first opaque background from `element` upwards; null if there is none. */
function background(element: Element | null): number | null {
  for (let at = element; at; at = at.parentElement) {
    const match = /^rgba?\(([\d.]+), ([\d.]+), ([\d.]+)(?:, ([\d.]+))?\)$/.exec(getComputedStyle(at).backgroundColor);
    if (!match || Number(match[4] ?? 1) < 0.5) continue;
    return 0.2126 * Number(match[1]) + 0.7152 * Number(match[2]) + 0.0722 * Number(match[3]);
  }
  return null;
}

/** The theme from the first of these that is known: the option, the background of `element`, the forum, the system. */
export function detectTheme(option: Options["theme"], element: Element | null): Theme {
  if (option !== "auto") return option;
  const level = background(element);
  if (level !== null) return level < 110 ? "dark" : "light";
  const scheme = document.documentElement.getAttribute("data-iracing-forums-user-color-scheme");
  if (scheme === "dark" || scheme === "light") return scheme;
  return matchMedia("(prefers-color-scheme: dark)").matches ? "dark" : "light";
}
