/** All options: their defaults and the values that they may have. */

import { CATEGORIES, type Category, fields } from "./model.ts";
import { DEFAULT_TAGS, readTags, type TagStyle } from "./tags.ts";

export const ORDERS = ["custom", "irating", "cpi", "mix"] as const;
/** `auto`: full, and portrait in a narrow window. */
export const LAYOUTS = ["compact", "full", "portrait", "auto"] as const;
export const THEMES = ["auto", "light", "dark"] as const;
export const LANGUAGES = ["auto", "en", "de", "es", "fr", "it", "pt"] as const;
export const RACE_TYPES = ["RACE", "HOSTED", "LEAGUE", "PRACTICE", "QUALIFY", "TIMETRIAL", "OTHER"] as const;
export const OPENERS = ["click", "hover"] as const;

export type Theme = Exclude<(typeof THEMES)[number], "auto">;

export interface LinkTemplate {
  label: string;
  /** http(s) address with `{cust_id}`, `{name}` and `{backend}`. */
  url: string;
  on: boolean;
}

export interface Options {
  backend: string;
  layout: (typeof LAYOUTS)[number];
  theme: (typeof THEMES)[number];
  language: (typeof LANGUAGES)[number];
  opener: (typeof OPENERS)[number];
  /** Surfaces that the reader has switched on or off, by id. The others have their own default: see `isOn`. */
  surfaces: Record<string, boolean>;
  order: (typeof ORDERS)[number];
  /** All categories, in the reader's order. */
  categories: Category[];
  hiddenCategories: Category[];
  /** Categories that are shown only for drivers who have not raced in the others. */
  fallbackCategories: Category[];
  /** Categories that the compact line always shows, beside the first one. */
  pinned: Category[];
  mainFirst: boolean;
  cpi: boolean;
  country: boolean;
  member: boolean;
  followers: boolean;
  races: boolean;
  cars: boolean;
  raceCount: number;
  carCount: number;
  raceTypes: (typeof RACE_TYPES)[number][];
  links: LinkTemplate[];
  hideRatings: boolean;
  hideOwn: boolean;
  hiddenDrivers: string[];
  /** Whether notes are in the synced storage, too. */
  syncNotes: boolean;
  /** The tags to choose from, with their colours. */
  tags: TagStyle[];
  compare: boolean;
  /** The world rank on the line. */
  rank: boolean;
  /** Starts and win rate on the line. */
  record: boolean;
  /** The customer id on the card. iRacing is reported to ask that it is not shown without consent. */
  customerId: boolean;
  /** The reader's own name; "": it is read from the page. */
  me: string;
}

export const DEFAULT_BACKEND = "http://127.0.0.1:8765";

export const DEFAULTS: Options = {
  backend: DEFAULT_BACKEND,
  layout: "compact",
  theme: "auto",
  language: "auto",
  opener: "click",
  surfaces: {},
  order: "custom",
  categories: [...CATEGORIES],
  hiddenCategories: ["road"],
  fallbackCategories: [],
  pinned: [],
  mainFirst: true,
  cpi: false,
  country: true,
  member: true,
  followers: true,
  races: true,
  cars: true,
  raceCount: 5,
  carCount: 5,
  raceTypes: ["RACE", "HOSTED", "LEAGUE"],
  links: [
    { label: "Profile", url: "https://members-ng.iracing.com/web/racing/profile?cust_id={cust_id}", on: true },
    {
      label: "Results",
      url: "https://members-ng.iracing.com/web/racing/results-stats/results?cust_id={cust_id}",
      on: true,
    },
    { label: "NYOOM", url: "https://nyoom.app/search/{cust_id}", on: true },
    { label: "iRStats", url: "https://irstats.com/driver/{cust_id}", on: true },
    { label: "iRecap", url: "https://irecap.racing/my_last_races.php?custid={cust_id}", on: true },
    { label: "iRdata", url: "https://iracingdata.com/user/careerstats/{cust_id}", on: true },
    { label: "SSummary", url: "https://season-summary.dyczkowski.dev/driver/{cust_id}?category=sports_car", on: true },
    { label: "SStandings", url: "https://simracer-tools.com/seasonstandings/?driver={cust_id}&stats=1", on: true },
    { label: "API", url: "{backend}/drivers?names={name}", on: false },
  ],
  hideRatings: false,
  hideOwn: false,
  hiddenDrivers: [],
  syncNotes: false,
  tags: DEFAULT_TAGS,
  compare: false,
  rank: false,
  record: false,
  customerId: false,
  me: "",
};

/** Options with a few values each. */
export const CHOICES = { layout: LAYOUTS, theme: THEMES, language: LANGUAGES, opener: OPENERS, order: ORDERS } as const;
export type Choice = keyof typeof CHOICES;
/** Options that are on or off. */
export type Flag = { [K in keyof Options]: Options[K] extends boolean ? K : never }[keyof Options];

/** Whether the reader wants a surface. */
export const isOn = (options: Options, { id, byDefault }: { id: string; byDefault: boolean }): boolean =>
  options.surfaces[id] ?? byDefault;

const oneOf = <T extends string>(allowed: readonly T[], value: unknown, fallback: T): T =>
  allowed.find((item) => item === value) ?? fallback;
const subset = <T extends string>(allowed: readonly T[], value: unknown, fallback: T[]): T[] =>
  Array.isArray(value) ? [...new Set(value)].filter((v): v is T => allowed.includes(v as T)) : fallback;
const flag = (value: unknown, fallback: boolean): boolean => (typeof value === "boolean" ? value : fallback);
const upToTen = (value: unknown, fallback: number): number => {
  const number = Number(value ?? fallback);
  return Number.isInteger(number) ? Math.min(10, Math.max(1, number)) : fallback;
};
const trimmed = (value: unknown, max: number): string => (typeof value === "string" ? value.trim().slice(0, max) : "");

const LOOPBACK = /^(localhost|127(\.\d+){3}|\[::1\])(:|\/|$)/i;

/** What is typed, as an address with scheme: others than this computer are asked with encryption. "" for other text. */
function withScheme(raw: string): string {
  if (/^[a-z]+:\/\//i.test(raw)) return raw;
  if (LOOPBACK.test(raw)) return `http://${raw}`;
  return /^[^\s/@]+(\.[^\s/@]+|:\d+)(\/|$)/.test(raw) ? `https://${raw}` : "";
}

/**
 * The address of a backend without a slash at its end, or "" if it is no http(s) address. Without a scheme it is https,
 * and http for this computer.
 */
export function backendAddress(value: unknown): string {
  const raw = trimmed(value, 300);
  if (!raw || raw === DEFAULT_BACKEND) return raw;
  try {
    const url = new URL(withScheme(raw));
    if (!/^https?:$/.test(url.protocol) || url.username || url.password) return "";
    return (url.origin + url.pathname).replace(/\/+$/, "");
  } catch {
    return "";
  }
}

export const isLinkTemplate = (url: string): boolean => /^(https?:\/\/[^\s/]|\{backend\}\/)/i.test(url);

function linkTemplates(value: unknown): LinkTemplate[] {
  if (!Array.isArray(value)) return DEFAULTS.links.map((link) => ({ ...link }));
  return value
    .slice(0, 20)
    .map((item: unknown) => {
      const raw = fields(item);
      return { label: trimmed(raw.label, 30), url: trimmed(raw.url, 300), on: flag(raw.on, true) };
    })
    .filter((link) => link.label && isLinkTemplate(link.url));
}

/** Surfaces that were switched on or off. A newer version may have stored ids that this one does not know. */
function switches(value: unknown): Record<string, boolean> {
  const entries = Object.entries(fields(value)).filter(([id, on]) => /^\w{1,20}$/.test(id) && typeof on === "boolean");
  return Object.fromEntries(entries.slice(0, 30)) as Record<string, boolean>;
}

/** The newest names that fit: all options together may have 8 kB in synced storage. */
function newest(names: unknown[]): string[] {
  const distinct = [...new Set(names.map((name) => trimmed(name, 100)).filter(Boolean))];
  const fitting: string[] = [];
  for (let free = 4000; distinct.length; ) {
    const name = distinct.pop() ?? "";
    free -= name.length * 2 + 3;
    if (free < 0) break;
    fitting.unshift(name);
  }
  return fitting;
}

/** All categories, in the reader's order; those that a newer version has brought come last. */
function inOrder(value: unknown): Category[] {
  const chosen = subset(CATEGORIES, value, []);
  return [...chosen, ...CATEGORIES.filter((category) => !chosen.includes(category))];
}

/** How each option is read that is neither on or off nor one of a few values. */
const READERS: { [K in Exclude<keyof Options, Flag | Choice>]: (value: unknown) => Options[K] } = {
  backend: (value) => backendAddress(value) || DEFAULTS.backend,
  surfaces: switches,
  categories: inOrder,
  hiddenCategories: (value) => subset(CATEGORIES, value, DEFAULTS.hiddenCategories),
  fallbackCategories: (value) => subset(CATEGORIES, value, DEFAULTS.fallbackCategories),
  pinned: (value) => subset(CATEGORIES, value, DEFAULTS.pinned),
  raceCount: (value) => upToTen(value, DEFAULTS.raceCount),
  carCount: (value) => upToTen(value, DEFAULTS.carCount),
  raceTypes: (value) => subset(RACE_TYPES, value, DEFAULTS.raceTypes),
  links: linkTemplates,
  hiddenDrivers: (value) => newest(Array.isArray(value) ? value : []),
  tags: readTags,
  me: (value) => trimmed(value, 100),
};

function readOption(key: keyof Options, value: unknown): unknown {
  const byDefault = DEFAULTS[key];
  if (typeof byDefault === "boolean") return flag(value, byDefault);
  if (Object.hasOwn(CHOICES, key)) return oneOf<string>(CHOICES[key as Choice], value, byDefault as string);
  return READERS[key as keyof typeof READERS](value);
}

/**
 * Options from storage or an import: unknown keys are dropped, and a wrong value becomes the default. Only what is stored
 * is looked at: each forum page does this before it shows anything.
 */
export function readOptions(stored: unknown): Options {
  const raw = fields(stored);
  const known = Object.keys(raw).filter((key): key is keyof Options => Object.hasOwn(DEFAULTS, key));
  return { ...DEFAULTS, ...Object.fromEntries(known.map((key) => [key, readOption(key, raw[key])])) };
}
