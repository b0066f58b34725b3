/** The chart of a rating's history (SVG), with the value under the pointer. */

import { chart } from "../core/chart.ts";
import { iratingText, safetyText } from "../core/format.ts";
import { formatDate, t } from "../core/i18n.ts";
import type { History } from "../core/model.ts";
import { h, s } from "./h.ts";

/** In pixels on a wide screen; on a narrow one it has the card's width, so that its text is as large. */
const WIDTH = 418;
const MARGINS = 50;
const HEIGHT = 108;
const LEFT = 40;
const TOP = 8;

export type Kind = "irating" | "safety_rating";

const day: Intl.DateTimeFormatOptions = { day: "numeric", month: "short", year: "numeric" };
const month: Intl.DateTimeFormatOptions = { month: "short", year: "numeric" };

/** The chart, or a sentence if there are too few points. */
export function historyChart(history: History, kind: Kind): HTMLElement {
  const width = Math.min(WIDTH, innerWidth - MARGINS);
  const drawn = chart(history.points, width - LEFT - 8, HEIGHT);
  if (!drawn) return h("p", { class: "quiet chart-empty" }, t("chart_empty"));
  const text = (value: number, letter?: string | null) =>
    kind === "irating" ? iratingText(value) : `${letter ? `${letter} ` : ""}${safetyText(value)}`;
  const first = drawn.dots[0];
  const last = drawn.dots.at(-1);
  const summary =
    first && last
      ? t(
          "chart_summary",
          t(kind),
          text(first.value, first.class),
          formatDate(first.when, month),
          text(last.value, last.class),
          formatDate(last.when, month),
        )
      : "";

  const marker = s("circle", { r: 3.5, class: "marker" });
  const readout = h(
    "p",
    { class: "readout", "aria-hidden": "true" },
    last ? `${text(last.value, last.class)} · ${formatDate(last.when, day)}` : "",
  );
  const svg = s(
    "svg",
    { viewBox: `0 0 ${width} ${HEIGHT + 28}`, role: "img", "aria-label": summary, class: "chart" },
    ...drawn.levels.flatMap(({ value, y }) => [
      s("line", { x1: LEFT, x2: width - 8, y1: y + TOP, y2: y + TOP, class: "grid" }),
      s(
        "text",
        { x: LEFT - 6, y: y + TOP + 3.5, "text-anchor": "end" },
        kind === "irating" ? iratingText(value) : value.toFixed(1),
      ),
    ]),
    s(
      "g",
      { transform: `translate(${LEFT} ${TOP})` },
      s("path", { d: drawn.area, class: "area" }),
      ...drawn.strokes.map((stroke) =>
        s("path", { d: stroke.path, class: stroke.class ? `stroke c-${stroke.class}` : "stroke" }),
      ),
      ...drawn.strokes
        .filter((stroke) => stroke.class)
        .map((stroke) =>
          s(
            "text",
            { x: Math.min(stroke.x + 2, width - LEFT - 18), y: HEIGHT - 5, class: `letter c-${stroke.class}` },
            stroke.class,
          ),
        ),
      marker,
    ),
    s("text", { x: LEFT, y: HEIGHT + TOP + 16 }, first ? formatDate(first.when, month) : ""),
    s("text", { x: width - 8, y: HEIGHT + TOP + 16, "text-anchor": "end" }, last ? formatDate(last.when, month) : ""),
  );

  const show = (index: number) => {
    const dot = drawn.dots[index];
    if (!dot) return;
    marker.setAttribute("cx", String(dot.x));
    marker.setAttribute("cy", String(dot.y));
    readout.textContent = `${text(dot.value, dot.class)} · ${formatDate(dot.when, day)}`;
  };
  show(drawn.dots.length - 1);
  svg.addEventListener("pointermove", (event) => {
    const box = svg.getBoundingClientRect();
    const x = ((event.clientX - box.left) / box.width) * width - LEFT;
    let best = 0;
    for (const [i, dot] of drawn.dots.entries()) {
      if (Math.abs(dot.x - x) < Math.abs((drawn.dots[best]?.x ?? 0) - x)) best = i;
    }
    show(best);
  });
  svg.addEventListener("pointerleave", () => show(drawn.dots.length - 1));
  return h("div", {}, readout, svg);
}
