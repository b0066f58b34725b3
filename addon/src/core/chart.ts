/** The geometry of the history chart: pixels for points, and round values for the axis. */

import type { History, LicenceClass } from "./model.ts";

export interface Chart {
  /** One path for each run of points in the same licence class. `x`: where it begins. */
  strokes: { path: string; class: LicenceClass | null; x: number }[];
  area: string;
  levels: { value: number; y: number }[];
  dots: { x: number; y: number; value: number; when: number; class: LicenceClass | null }[];
}

const MAX_POINTS = 240;

/** Round values that cover `low` to `high`, in two to five steps. */
export function levels(low: number, high: number): number[] {
  const span = Math.max(high - low, Math.abs(high) * 0.02, 0.2);
  const rough = span / 3;
  const unit = 10 ** Math.floor(Math.log10(rough));
  const step = ([1, 2, 5, 10].find((m) => m * unit >= rough) ?? 10) * unit;
  const first = Math.floor(low / step) * step;
  const result: number[] = [];
  for (let value = first; result.length < 8; value += step) {
    result.push(Number(value.toFixed(6)));
    if (value >= high && result.length > 1) break;
  }
  return result;
}

/** At most `max` points, evenly chosen. The first and the last are always among them. */
function sample<T>(points: readonly T[], max: number): T[] {
  if (points.length <= max) return [...points];
  const step = (points.length - 1) / (max - 1);
  return Array.from({ length: max }, (_, i) => points[Math.round(i * step)] as T);
}

/** The chart in a box of `width` by `height` pixels; null for fewer than two points. */
export function chart(points: History["points"], width: number, height: number): Chart | null {
  const shown = sample(points, MAX_POINTS);
  const first = shown[0];
  const last = shown.at(-1);
  if (!first || !last || shown.length < 2) return null;
  const values = shown.map((point) => point.value);
  const axis = levels(Math.min(...values), Math.max(...values));
  const bottom = axis[0] ?? 0;
  const top = axis.at(-1) ?? 1;
  const span = last.when - first.when || 1;
  const x = (when: number) => Math.round(((when - first.when) / span) * width * 10) / 10;
  const y = (value: number) => Math.round((1 - (value - bottom) / (top - bottom || 1)) * height * 10) / 10;
  const dots = shown.map((point) => ({ ...point, x: x(point.when), y: y(point.value) }));

  const strokes: Chart["strokes"] = [];
  for (const [i, dot] of dots.entries()) {
    const stroke = strokes.at(-1);
    if (stroke && stroke.class === dot.class) {
      stroke.path += `L${dot.x} ${dot.y}`;
      continue;
    }
    const before = dots[i - 1];
    const start = before && before.class === null ? `M${before.x} ${before.y}L` : "M";
    strokes.push({ path: `${start}${dot.x} ${dot.y}`, class: dot.class, x: dot.x });
  }
  const outline = dots.map((dot) => `L${dot.x} ${dot.y}`).join("");
  return {
    strokes,
    area: `M${dots[0]?.x} ${height}${outline}L${dots.at(-1)?.x} ${height}Z`,
    levels: axis.map((value) => ({ value, y: y(value) })),
    dots,
  };
}

/**
 * How much the rating changed `over` the last results, at most `count`; null for fewer than two points. A safety rating
 * starts again in each licence class, so only points in the present class are used.
 */
export function change(points: History["points"], count: number): { by: number; over: number } | null {
  const last = points.at(-1);
  const otherClass = points.findLastIndex((point) => point.class !== last?.class);
  const recent = points.slice(Math.max(otherClass + 1, points.length - count - 1));
  const first = recent[0];
  return first && last && recent.length > 1 ? { by: last.value - first.value, over: recent.length - 1 } : null;
}
