/** Which licences are shown, and in what order. */

import { type Category, CLASSES, type Driver, type Licence } from "./model.ts";
import type { Options } from "./options.ts";

const classRank = (licence: Licence): number => CLASSES.indexOf(licence.class);

/** The value that each order compares; the highest comes first. `mix` is a formula that forum readers already know. */
const WEIGHT = {
  custom: () => 0,
  irating: (licence: Licence) => licence.irating ?? 0,
  cpi: (licence: Licence) => licence.cpi ?? 0,
  mix: (licence: Licence) => (licence.irating ?? 0) + 20 * (licence.cpi ?? 0),
};

/**
 * The driver's main category: the one with the most starts, then with the highest licence class, then with the highest
 * iRating. null without licences. It does not look at the recent races: they may come later, and a line must not change
 * its order then.
 */
export function mainCategory(driver: Driver): Category | null {
  const best = [...driver.licences].sort(
    (a, b) => (b.starts ?? 0) - (a.starts ?? 0) || classRank(b) - classRank(a) || (b.irating ?? 0) - (a.irating ?? 0),
  )[0];
  return best?.category ?? null;
}

/** Everybody has a licence in every category: a rookie without an iRating has never raced in it. */
export const wasDriven = (licence: Licence): boolean => licence.class !== "R" || licence.irating !== null;

/** The licences to show, in their order. */
export function licencesInOrder(
  driver: Driver,
  options: Pick<Options, "order" | "categories" | "hiddenCategories" | "fallbackCategories" | "mainFirst">,
): Licence[] {
  const main = options.mainFirst ? mainCategory(driver) : null;
  const weight = WEIGHT[options.order];
  const wanted = driver.licences.filter((licence) => !options.hiddenCategories.includes(licence.category));
  const first = wanted.filter((licence) => !options.fallbackCategories.includes(licence.category));
  return (first.some(wasDriven) ? first : wanted).sort(
    (a, b) =>
      Number(b.category === main) - Number(a.category === main) ||
      weight(b) - weight(a) ||
      options.categories.indexOf(a.category) - options.categories.indexOf(b.category),
  );
}
