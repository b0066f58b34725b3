/** Invented drivers for the preview. */

import { CATEGORIES, CLASSES, type Driver } from "../core/model.ts";

const DAY = 86_400_000;

export function sampleDriver(now: number): Driver {
  const race = (days: number, type: string, carId: number, car: string, track: string, from: number, to: number) => ({
    type,
    carId,
    car,
    track,
    from,
    to,
    start: now - days * DAY,
    subsession: 80000000 + days,
    category: "sports_car" as const,
  });
  const ratings = [
    [4, 3.47, 2841, 61.2, 7310],
    [2, 3.1, 1706, 34, 41200],
    [1, 2.62, 1389, 17.3, 68900],
    [0, 2.5, null, 10.1, 0],
    [1, 3.98, 1622, 25.4, 30150],
  ] as const;
  return {
    custId: 900001,
    name: "Ann Tester",
    country: { code: "NL", name: "Netherlands" },
    memberSince: "2014-09-25",
    lastLogin: now - DAY / 4,
    licences: ratings.map(([rank, safety, irating, cpi, place], i) => ({
      category: CATEGORIES[i] ?? "oval",
      class: CLASSES[rank] ?? "R",
      safety,
      irating,
      cpi,
      starts: 0,
      wins: 0,
      timeTrial: null,
      incidents: null,
      towards: null,
      world: irating && { place, of: 182_400 },
      national: null,
    })),
    followers: 84,
    follows: 12,
    races: [
      race(1, "RACE", 169, "Porsche 911 GT3 R (992)", "Okayama International Circuit", 6, 2),
      race(2, "RACE", 169, "Porsche 911 GT3 R (992)", "Lime Rock Park", 3, 4),
      race(4, "LEAGUE", 128, "Dallara P217", "Oulton Park Circuit", 11, 7),
      race(6, "HOSTED", 67, "Global Mazda MX-5 Cup", "Summit Point Raceway", 2, 1),
      race(8, "PRACTICE", 67, "Global Mazda MX-5 Cup", "Summit Point Raceway", 1, 1),
    ],
    activity: { last30: 14, before30: 9, weeks: 3 },
    state: "fresh",
    asOf: now - 240_000,
  };
}

/** The reader in the preview, with other iRatings to compare with. */
export function sampleReader(now: number): Driver {
  const driver = sampleDriver(now);
  return { ...driver, licences: driver.licences.map((licence, i) => ({ ...licence, irating: 2500 - i * 300 })) };
}
