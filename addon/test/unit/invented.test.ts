/** The invented drivers of the demo and of the tests: what a card says of one driver agrees. */

import { describe, expect, it } from "vitest";
import {
  type Driver,
  type History,
  parseDriver,
  parseHistory,
  parseResults,
  type Result,
} from "../../src/core/model.ts";
import { driverOf, historyOf, NAMES, resultsOf } from "../../src/demo/drivers.ts";
import { driver, history, results } from "../support/drivers.mjs";

const NOW = Date.UTC(2026, 10, 24, 12);

interface Person {
  driver: Driver;
  races: Result[];
  history(category: string, kind: string): History;
}

const demo = NAMES.map((name): Person => {
  const found = driverOf(name, NOW) as Driver;
  return {
    driver: found,
    races: resultsOf(found.custId, NOW).races,
    history: (category, kind) => historyOf(found.custId, category, kind, NOW),
  };
});
const tests = Array.from(
  { length: 40 },
  (_, n): Person => ({
    driver: parseDriver(driver(n, undefined, NOW), NOW) as Driver,
    races: parseResults(results(n, NOW)),
    history: (category, kind) => parseHistory(history(n, category, kind, NOW)),
  }),
);

describe.each([
  ["demo", demo],
  ["tests", tests],
])("the drivers of the %s", (_, people) => {
  const licences = people.flatMap((person) => person.driver.licences.map((licence) => ({ ...person, licence })));

  it("have charts that end with the licence's rating and class", () => {
    for (const { licence, history } of licences.filter(({ licence }) => licence.irating !== null)) {
      expect(history(licence.category, "irating").points.at(-1)?.value).toBe(licence.irating);
      const safety = history(licence.category, "safety_rating").points.at(-1);
      expect(safety?.value).toBeCloseTo(licence.safety ?? 0, 6);
      expect(safety?.class).toBe(licence.class);
    }
  });

  it("have races whose changes lead from the chart's value before them to the present one", () => {
    for (const { licence, races, history } of licences) {
      const driven = races.filter(({ category }) => category === licence.category);
      const first = Math.min(...driven.map(({ start }) => start ?? 0));
      const day = first - (first % 86_400_000);
      for (const [kind, key] of [
        ["irating", "irating"],
        ["safety_rating", "safety"],
      ] as const) {
        const { points } = history(licence.category, kind);
        const before = points.filter(({ when }) => when < day).at(-1)?.value ?? 0;
        const gained = driven.reduce((sum, race) => sum + (race[key] ?? 0), 0);
        if (driven.length) expect(before + gained).toBeCloseTo(points.at(-1)?.value ?? 0, 1);
      }
    }
  });

  it("have careers with the starts and wins of their licences", () => {
    for (const { licence, history } of licences.filter(({ licence }) => licence.irating !== null)) {
      const { starts, wins, top5, poles } = history(licence.category, "irating").career ?? {};
      expect({ starts, wins }).toEqual({ starts: licence.starts, wins: licence.wins });
      expect(top5).toBeGreaterThanOrEqual(wins ?? 0);
      expect(Math.max(top5 ?? 0, poles ?? 0)).toBeLessThanOrEqual(starts ?? 0);
    }
  });

  it("race only in categories in which they have an iRating", () => {
    for (const person of people) {
      const rated = person.driver.licences.filter(({ irating }) => irating !== null).map(({ category }) => category);
      for (const { category } of person.races) expect(rated).toContain(category);
    }
  });

  it("have ratings that there can be", () => {
    // one assertion: there are tens of thousands of values, and each assertion takes a part of a millisecond
    const odd = licences.flatMap(({ licence, history }) => [
      ...history(licence.category, "irating").points.filter(({ value }) => !(value > 50)),
      ...history(licence.category, "safety_rating").points.filter(({ value }) => !(value > 0 && value < 5)),
    ]);
    expect(odd).toEqual([]);
  });
});
