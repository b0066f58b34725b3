/** Texts for numbers. */

import type { Licence, Race, Rank } from "./model.ts";

/** Shown where there is nothing to show. */
export const NONE = "–";

/** iRacing shows two decimals of the safety rating, cut and not rounded: 3.999 is 3.99, because 4.00 is a promotion. */
export const safetyText = (value: number | null): string =>
  value === null ? NONE : (Math.floor(value * 100 + 1e-6) / 100).toFixed(2);

export const iratingText = (value: number | null): string => (value === null ? NONE : String(Math.round(value)));

/** A short iRating for badges: 950, 1.6k, 12.3k. */
export const iratingShort = (value: number | null): string =>
  value === null ? NONE : value < 1000 ? String(Math.round(value)) : `${(Math.floor(value / 100) / 10).toFixed(1)}k`;

export const signed = (value: number): string => (value > 0 ? `+${value}` : value < 0 ? `−${-value}` : "±0");

export const positions = (race: Race): string =>
  race.from === null && race.to === null ? "" : `${race.from ?? NONE} → ${race.to ?? NONE}`;

/** The best share of all drivers that a place is in, rounded up: the 41st of 1,000 is in the top 0.05. Up to 1 %, in tenths. */
export function topShare({ place, of }: Rank): number {
  const steps = place * 100 > of ? 100 : 1000;
  return Math.ceil((place * steps) / of) / steps;
}

/** Parts of the United Kingdom with their own flags, by iRacing's code. ISO 3166 has no country codes for them. */
const PARTS: Record<string, string> = { ENG: "gbeng", SCT: "gbsct", WLS: "gbwls" };

/** The flag of a country code as an emoji (Unicode TR 51), or "" if there is none. */
export function flag(code: string): string {
  const shifted = (letters: string, by: number) => [...letters].map((letter) => letter.charCodeAt(0) + by);
  const part = PARTS[code];
  if (part) return String.fromCodePoint(0x1f3f4, ...shifted(part, 0xe0000), 0xe007f);
  return code.length === 2 ? String.fromCodePoint(...shifted(code, 0x1f1e6 - 65)) : "";
}

/** Difference of two iRatings in the same category; null if one is missing. */
export function difference(mine: Licence | undefined, theirs: Licence): number | null {
  return mine?.irating && theirs.irating ? Math.round(theirs.irating) - Math.round(mine.irating) : null;
}
