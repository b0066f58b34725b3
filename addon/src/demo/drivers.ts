/** Invented drivers for the demo page. The same name gives the same driver. */

import {
  CATEGORIES,
  CLASSES,
  type Driver,
  type History,
  type Licence,
  type LicenceClass,
  type Result,
  type Results,
} from "../core/model.ts";

export const NAMES = [
  "Ann Tester",
  "Bo Demo",
  "Caspar van Voorbeeld",
  "Dörte Prüfling",
  "Eloi d'Exemple",
  "Gia Finta",
  "Hugo Inventado2",
  "Jun Kakuu",
];
/** Who the demo's reader is. */
export const READER = "Dörte Prüfling";

const COUNTRIES: [[string, string], ...[string, string][]] = [
  ["NL", "Netherlands"],
  ["PT", "Portugal"],
  ["JP", "Japan"],
  ["SCT", "Scotland"],
  ["US", "United States"],
];
const CARS = ["Meridian RS GT3", "Osprey GP24", "Bulwark Stock V8", "Wasp 360 Sprint", "Vantaro RX"] as const;
const TRACKS = ["Kestrel Hollow Circuit", "Hochwaldring", "Saltmarsh Park", "Gravel Gulch"] as const;
const HOUR = 3_600_000;
const FIRST_ID = 900_000;
/** A race that everybody in the demo was in. */
const SHARED = 81_000_000;

const of = <T>(list: readonly [T, ...T[]], at: number): T => list[at % list.length] ?? list[0];

/** A number from 0 to 1 that looks drawn. */
function drawn(seed: number): number {
  const swing = Math.sin(seed * 12.9898) * 43758.5453;
  return swing - Math.floor(swing);
}

function licence(n: number, i: number): Licence {
  // everybody was in the shared race, which is in the first category
  const irating = i > 0 && (n + i) % 6 === 5 ? null : 1000 + ((n * 613 + i * 431 + n * i * 971) % 5000);
  const starts = irating === null ? 0 : 40 + ((n * 53 + i * 71) % 170);
  const better = Math.exp(-(irating ?? 0) / 1100);
  return {
    category: CATEGORIES[i] ?? "oval",
    class: CLASSES[irating === null ? 0 : 1 + ((n * 3 + i * 2) % 4)] ?? "R",
    safety: (200 + ((n * 37 + i * 91) % 260)) / 100,
    irating,
    cpi: 12.5 + ((n * 13 + i * 7) % 90),
    starts,
    wins: Math.floor(starts * (((n * 7 + i * 3) % 20) / 100)),
    timeTrial: null,
    incidents: 1.5 + drawn(n * 7 + i) * 4,
    towards: (n + i) % 5,
    world: irating === null ? null : { place: Math.ceil(better * 182_400), of: 182_400 },
    national: irating === null ? null : { place: Math.ceil(better * 8431), of: 8431 },
  };
}

const licencesOf = (n: number): Licence[] => [0, 1, 2, 3, 4].map((i) => licence(n, i));

/** Races, newest first. Most are in the category that the driver has started in most often. */
function races(n: number, now: number): Result[] {
  const driven = licencesOf(n)
    .filter(({ starts }) => starts)
    .sort((a, b) => (b.starts ?? 0) - (a.starts ?? 0));
  return Array.from({ length: 8 }, (_, i) => {
    const category = i === 2 ? CATEGORIES[0] : (driven[i < 5 ? 0 : n % driven.length]?.category ?? CATEGORIES[0]);
    return {
      type: "RACE",
      subsession: i === 2 ? SHARED : 80_000_000 + n * 10 + i,
      start: now - (i === 2 ? 75 : 9 + i * 27 + n) * HOUR,
      car: of(CARS, CATEGORIES.indexOf(category)),
      carId: null,
      track: i === 2 ? TRACKS[1] : of(TRACKS, n + i),
      from: 1 + ((n + i * 3) % 20),
      to: 1 + ((n * 2 + i) % 18),
      category,
      irating: Math.round((drawn(n * 31 + i) - 0.45) * 120),
      safety: Math.round((drawn(n * 17 + i) - 0.4) * 30) / 100,
      incidents: Math.floor(drawn(n + i * 5) * 9),
      strength: 1500 + ((n * 311 + i * 97) % 2600),
    };
  });
}

/** `now` in milliseconds since 1970. */
export function driverOf(name: string, now: number): Driver | null {
  const n = NAMES.indexOf(name);
  if (n < 0) return null;
  const [code, country] = of(COUNTRIES, n);
  return {
    custId: FIRST_ID + n,
    name,
    country: { code, name: country },
    memberSince: `20${String(8 + (n % 16)).padStart(2, "0")}-0${1 + (n % 9)}-1${n % 9}`,
    lastLogin: now - 5 * HOUR,
    licences: licencesOf(n),
    followers: (n * 17) % 140,
    follows: (n * 5) % 40,
    races: races(n, now).slice(0, 5),
    activity: { last30: 4 + n, before30: 9, weeks: n },
    met: name === READER || n % 3 ? 0 : 1,
    state: "fresh",
    asOf: now - 240_000,
  };
}

export function resultsOf(custId: number, now: number): Results {
  const own = races(NAMES.indexOf(READER), now);
  const isReader = custId === FIRST_ID + NAMES.indexOf(READER);
  return { races: races(custId - FIRST_ID, now), together: isReader ? [] : own.filter((r) => r.subsession === SHARED) };
}

/** `count` values that end with `to`, as chance and a way from `from` make them. `size`: how far chance goes in a step. */
function way(from: number, to: number, count: number, size: number, seed: number): number[] {
  let at = from;
  const walk = Array.from({ length: count }, (_, i) => {
    at += (drawn(seed + i) - 0.5) * size;
    return at;
  });
  return walk.map((value, i) => value + ((to - at) * (i + 1)) / count);
}

/** Safety ratings from a rookie's 2.50 to `to` in a class; at 4.00 comes the next class, with 3.00. */
function safetyWay(to: number, last: LicenceClass, seed: number): { value: number; class: LicenceClass }[] {
  const classes = CLASSES.slice(0, CLASSES.indexOf(last) + 1);
  return classes.flatMap((letter, i) => {
    const [from, end] = [i ? 3 : 2.5, letter === last ? to : 4];
    const values = way(from, end, Math.ceil(POINTS / classes.length), 0.16, seed + i * 100);
    return values.map((value) => ({ value: Math.min(4.99, Math.max(0.05, value)), class: letter }));
  });
}

const POINTS = 150;

/** The ratings in a category up to the present ones: the last changes are those of the last races. */
export function historyOf(custId: number, category: string, kind: string, now: number): History {
  const n = custId - FIRST_ID;
  const licence = licencesOf(n).find((one) => one.category === category);
  if (!licence || licence.irating === null) return { points: [], career: null };
  const isRating = kind === "irating";
  const last = races(n, now).filter((race) => race.category === category);
  let value = isRating ? licence.irating : (licence.safety ?? 0);
  const known = last.map((race) => {
    const point = { when: race.start ?? 0, value, class: isRating ? null : licence.class };
    value -= (isRating ? race.irating : race.safety) ?? 0;
    return point;
  });
  const before = isRating
    ? way(1350, value, POINTS, 90, custId).map((rating) => ({ value: Math.round(rating), class: null }))
    : safetyWay(value, licence.class, custId);
  const newest = (last.at(-1)?.start ?? now) - 24 * HOUR;
  const points = before.map((point, i) => ({ when: newest - (before.length - 1 - i) * 120 * HOUR, ...point }));
  const [starts, wins] = [licence.starts ?? 0, licence.wins ?? 0];
  const better = { top5: wins + Math.floor(starts * 0.3), poles: Math.ceil(wins * 0.6) };
  return {
    points: [...points, ...known.reverse()],
    career: { starts, wins, ...better, finish: 6, incidents: licence.incidents },
  };
}
