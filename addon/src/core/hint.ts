/**
 * What the last page looked like, in the forum page's own storage, which can be read without waiting. Only what
 * decides about room on the page is in it, no names.
 */

import { DEFAULTS, type Options, readOptions } from "./options.ts";

const KEY = "pitboard layout";

export const hintOf = ({ layout, races, cars, raceCount, hiddenCategories, surfaces }: Options): string =>
  JSON.stringify({ layout, races, cars, raceCount, hiddenCategories, surfaces });

export function readHint(): Options {
  try {
    return readOptions(JSON.parse(localStorage.getItem(KEY) ?? "{}"));
  } catch {
    return DEFAULTS;
  }
}

export function keepHint(options: Options): void {
  try {
    if (hintOf(options) === hintOf(DEFAULTS)) localStorage.removeItem(KEY);
    else localStorage.setItem(KEY, hintOf(options));
  } catch {
    // storage is full or forbidden: the next page makes room a little later
  }
}
