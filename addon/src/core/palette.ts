/**
 * Colours of the licence classes. `fill` is behind the class letter, `ink` is the letter, `edge` is the chip's border.
 * The letter is always shown, never the colour alone. A test checks the contrasts (WCAG): ink on fill at least 4.5, edge
 * on the page at least 3.
 */

import type { LicenceClass } from "./model.ts";
import { tagCss } from "./tags.ts";

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

/** The palette and the colours of tags as CSS rules for `.c-A`, `.c-B` and so on, for the light and the dark theme. */
export function paletteCss(): string {
  const rules = Object.entries(PALETTE).map(
    ([letter, { fill, ink, edge }]) =>
      `.c-${letter}{--fill:${fill};--ink:${ink};--edge:${edge.light}}.dark .c-${letter}{--edge:${edge.dark}}`,
  );
  return rules.join("") + tagCss();
}
