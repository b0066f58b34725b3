/** Invented drivers for the demo page. The same name gives the same driver. */

import {
  CATEGORIES,
  CLASSES,
  type Driver,
  type History,
  type Licence,
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
  const irating = (n + i) % 6 === 5 ? null : 800 + ((n * 613 + i * 431 + n * i * 971) % 5200);
  const starts = irating === null ? 0 : 40 + ((n * 53 + i * 71) % 170);
  const better = Math.exp(-(irating ?? 0) / 1100);
  return {
    category: CATEGORIES[i] ?? "oval",
    class: CLASSES[irating === null ? 0 : 1 + ((n * 3 + i * 2) % 4)] ?? "R",
    safety: 1 + ((n * 37 + i * 91) % 390) / 100,
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

function races(n: number, now: number): Result[] {
  return Array.from({ length: 8 }, (_, i) => ({
    type: "RACE",
    subsession: i === 2 ? SHARED : 80_000_000 + n * 10 + i,
    start: now - (i === 2 ? 60 : 9 + i * 27 + n) * HOUR,
    car: of(CARS, i < 5 ? 0 : n),
    carId: null,
    track: i === 2 ? TRACKS[1] : of(TRACKS, n + i),
    from: 1 + ((n + i * 3) % 20),
    to: 1 + ((n * 2 + i) % 18),
    category: CATEGORIES[i < 5 ? 0 : n % 5] ?? null,
    irating: Math.round((drawn(n * 31 + i) - 0.45) * 120),
    safety: Math.round((drawn(n * 17 + i) - 0.4) * 60) / 100,
    incidents: Math.floor(drawn(n + i * 5) * 9),
    strength: 1500 + ((n * 311 + i * 97) % 2600),
  }));
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
    licences: [0, 1, 2, 3, 4].map((i) => licence(n, i)),
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

export function historyOf(custId: number, kind: string, now: number): History {
  let value = kind === "irating" ? 1350 : 2.5;
  let level = 0;
  const points = Array.from({ length: 160 }, (_, i) => {
    const step = drawn(i + custId);
    value += kind === "irating" ? Math.round((step - 0.44) * 90) : (step - 0.4) * 0.28;
    if (kind !== "irating" && value > 4 && level < 4) {
      level++;
      value -= 1;
    }
    return { when: now - (160 - i) * 120 * HOUR, value, class: kind === "irating" ? null : (CLASSES[level] ?? null) };
  });
  return { points, career: { starts: 159, wins: 28, top5: 86, poles: 18, finish: 6, incidents: 3.2 } };
}
