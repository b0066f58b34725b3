/**
 * The space that hosts take before the stored options are here: that of the reader's last page, so that nothing moves.
 */

import { DEFAULTS, isOn, type Options, readOptions } from "./core/options.ts";
import { SURFACES } from "./site/surfaces.ts";

/** The options that decide where hosts are and how much space they take, as JSON. */
export const spaceOf = (options: Options): string => {
  const { layout, races, cars, raceCount, hiddenCategories, rank, record } = options;
  const surfaces = Object.fromEntries(SURFACES.map((surface) => [surface.id, isOn(options, surface)]));
  return JSON.stringify({ layout, races, cars, raceCount, hiddenCategories, rank, record, surfaces });
};

/** The key in the page's own storage. Readers have it already, so it stays. */
const SPACE = "pitboard room";

/**
 * The default options, but with the space that the reader's last page had. Only the page's own storage answers
 * immediately. It is empty for readers with the defaults. Its first use on a page takes milliseconds, so it is read only
 * when posts are there before the stored options.
 */
export function lastSpace(): Options {
  try {
    const space = localStorage.getItem(SPACE);
    return space ? readOptions(JSON.parse(space)) : DEFAULTS;
  } catch {
    return DEFAULTS;
  }
}

export function storeSpace(options: Options): void {
  setTimeout(() => {
    try {
      if (spaceOf(options) === spaceOf(DEFAULTS)) localStorage.removeItem(SPACE);
      else localStorage.setItem(SPACE, spaceOf(options));
    } catch {
      // no storage: the next page may move once while it loads
    }
  });
}
