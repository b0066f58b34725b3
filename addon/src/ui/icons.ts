/** Our own icons: 16 by 16, in the text's colour. */

import type { Category } from "../core/model.ts";
import { copyOf, s } from "./h.ts";

type IconId = Category | "any" | "more" | "note" | "refresh" | "close" | "gear" | "up" | "down" | "copy" | "met";

/** SVG paths: the first is stroked, the second is filled. */
const PATHS: Record<IconId, [string, string?]> = {
  sports_car: [
    "M1.6 10.6V9.1c0-.6.4-1 1-1.1l2.2-.4 2-2c.3-.3.7-.4 1.1-.4h2.7c.5 0 .9.2 1.2.6l1.4 1.7 1 .3c.6.2 1 .7 1 1.3v1.5M6.3 11h3.4M6.1 7.6h5",
    "M4.4 9.5a1.6 1.6 0 1 0 0 3.2 1.6 1.6 0 0 0 0-3.2ZM11.6 9.5a1.6 1.6 0 1 0 0 3.2 1.6 1.6 0 0 0 0-3.2Z",
  ],
  formula_car: [
    "M1.2 6.4v3M1.4 9.9h1.3M5.6 10.4h4.2M13.2 9.9l1.6.4M3 8.3l3.1-.2 1-1.6h1.5l1 1.6 4.8 1.4",
    "M4.1 8.9a1.9 1.9 0 1 0 0 3.8 1.9 1.9 0 0 0 0-3.8ZM11.6 9.2a1.7 1.7 0 1 0 0 3.4 1.7 1.7 0 0 0 0-3.4Z",
  ],
  oval: ["M5.5 4h5a4 4 0 0 1 0 8h-5a4 4 0 0 1 0-8ZM6 6.8h4a1.2 1.2 0 0 1 0 2.4H6a1.2 1.2 0 0 1 0-2.4Z"],
  dirt_oval: [
    "M5.5 3h5a3.6 3.6 0 0 1 0 7.2h-5a3.6 3.6 0 0 1 0-7.2ZM6.3 6.6h3.4M2.5 13h.6M5.6 13.4h.6M8.6 13h.6M11.6 13.4h.6M13.6 12.4h.3",
  ],
  dirt_road: ["M3 10c2.2 0 2.2-6 5-6 2.6 0 1.8 4.4 5 4.4M2.5 13h.6M5.6 13.4h.6M8.6 13h.6M11.6 13.4h.6M13.6 12.4h.3"],
  road: ["M3 12.5c3 0 2-4.5 5-4.5s2-4.5 5-4.5"],
  any: ["M8 3.5a4.5 4.5 0 1 0 0 9 4.5 4.5 0 0 0 0-9ZM8 8l2-2"],
  more: ["M4.5 6.5 8 10l3.5-3.5"],
  up: ["M4.5 9.5 8 6l3.5 3.5"],
  down: ["M4.5 6.5 8 10l3.5-3.5"],
  note: ["M3.5 3.5h9v6l-3 3h-6ZM12.5 9.5h-3v3"],
  refresh: ["M12.8 6.5A5 5 0 1 0 13 9M13 3.5v3h-3"],
  close: ["M4.5 4.5l7 7M11.5 4.5l-7 7"],
  gear: [
    "M8 5.8a2.2 2.2 0 1 0 0 4.4 2.2 2.2 0 0 0 0-4.4ZM8 2.5v1.6M8 11.9v1.6M2.5 8h1.6M11.9 8h1.6M4.1 4.1l1.1 1.1M10.8 10.8l1.1 1.1M11.9 4.1l-1.1 1.1M5.2 10.8l-1.1 1.1",
  ],
  met: ["M4 14V2.5M4 3c2.5-1.2 4.5 1.2 8 0v6c-3.5 1.2-5.5-1.2-8 0"],
  copy: ["M6 6h6.5v6.5H6ZM10 6V3.5H3.5V10H6"],
};

/** A decorative icon, hidden from screen readers: the text beside it or a label says the same. */
export const icon = (id: IconId): SVGElement =>
  copyOf(`icon ${id}`, () => {
    const [stroked, filled] = PATHS[id];
    return s(
      "svg",
      { viewBox: "0 0 16 16", class: "icon", "aria-hidden": "true" },
      s("path", { d: stroked }),
      filled && s("path", { d: filled, fill: "currentColor", stroke: "none" }),
    );
  });
