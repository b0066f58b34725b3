/**
 * Licence colours. `fill` and `ink` are the class badge; `edge` is the chip's border, which has to stand out from the
 * page. The letter is always shown too. A test checks the contrasts: ink on fill >= 4.5, edge on the page >= 3.
 */

import type { LicenceClass } from "./model.ts";

export interface Swatch {
  fill: string;
  ink: string;
  edge: { light: string; dark: string };
}

export const PALETTE: Record<LicenceClass, Swatch> = {
  R: { fill: "#c8201f", ink: "#ffffff", edge: { light: "#c8201f", dark: "#e5605c" } },
  D: { fill: "#f08a24", ink: "#1c1000", edge: { light: "#b35f0a", dark: "#f08a24" } },
  C: { fill: "#f5d90a", ink: "#1f1a00", edge: { light: "#8a7600", dark: "#d9c21c" } },
  B: { fill: "#23a441", ink: "#04140a", edge: { light: "#1b8434", dark: "#36b454" } },
  A: { fill: "#1f5fd0", ink: "#ffffff", edge: { light: "#1f5fd0", dark: "#5b93f5" } },
  P: { fill: "#26282c", ink: "#ffffff", edge: { light: "#3a3d42", dark: "#9aa0a8" } },
  W: { fill: "#6d28b8", ink: "#ffffff", edge: { light: "#6d28b8", dark: "#b184ea" } },
};

/** The page colours that the addon assumes where it cannot read them. */
export const PAGE = { light: "#ffffff", dark: "#1b1d21" };

/** The palette as CSS rules for `.c-A` and so on, for the light and the dark theme. */
export function paletteCss(): string {
  const rules = Object.entries(PALETTE).map(
    ([letter, { fill, ink, edge }]) =>
      `.c-${letter}{--fill:${fill};--ink:${ink};--edge:${edge.light}}.dark .c-${letter}{--edge:${edge.dark}}`,
  );
  return rules.join("");
}

/** WCAG contrast ratio of two `#rrggbb` colours. */
export function contrast(a: string, b: string): number {
  const [low = 0, high = 0] = [luminance(a), luminance(b)].sort((x, y) => x - y);
  return (high + 0.05) / (low + 0.05);
}

/** Relative luminance of `#rrggbb` (WCAG), 0 to 1. */
export function luminance(colour: string): number {
  const [r = 0, g = 0, b = 0] = [1, 3, 5].map((i) => {
    const c = Number.parseInt(colour.slice(i, i + 2), 16) / 255;
    return c <= 0.04045 ? c / 12.92 : ((c + 0.055) / 1.055) ** 2.4;
  });
  return 0.2126 * r + 0.7152 * g + 0.0722 * b;
}
