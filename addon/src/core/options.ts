/** Every option once: its default and what values it may have. */

import { CATEGORIES, type Category } from "./model.ts";

export const SURFACES = ["posts", "messages", "profile", "quotes", "mentions", "lists", "search"] as const;
export type SurfaceId = (typeof SURFACES)[number];

export const ORDERS = ["custom", "irating", "cpi", "mix"] as const;
export const LAYOUTS = ["compact", "full", "portrait"] as const;
export const THEMES = ["auto", "light", "dark"] as const;
export const LANGUAGES = ["auto", "en", "de", "es", "fr", "it", "pt"] as const;
export const RACE_TYPES = ["RACE", "HOSTED", "LEAGUE", "PRACTICE", "OTHER"] as const;
export const OPENERS = ["hover", "click"] as const;

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
  surfaces: Record<SurfaceId, boolean>;
  order: (typeof ORDERS)[number];
  /** Categories in the reader's own order; those after it are in the standard order. */
  categories: Category[];
  hiddenCategories: Category[];
  mainFirst: boolean;
  cpi: boolean;
  country: boolean;
  member: boolean;
  followers: boolean;
  races: boolean;
  cars: boolean;
  raceCount: number;
  raceTypes: (typeof RACE_TYPES)[number][];
  links: LinkTemplate[];
  hideRatings: boolean;
  hideOwn: boolean;
  hiddenDrivers: string[];
  compare: boolean;
  /** The reader's own name; "" means: read it from the page. */
  me: string;
}

export const DEFAULT_BACKEND = "http://127.0.0.1:8765";

export const DEFAULTS: Options = {
  backend: DEFAULT_BACKEND,
  layout: "compact",
  theme: "auto",
  language: "auto",
  opener: "hover",
  // lists and search results hold many names that nobody asked about: off until the reader wants them
  surfaces: { posts: true, messages: true, profile: true, quotes: true, mentions: true, lists: false, search: false },
  order: "custom",
  categories: [...CATEGORIES],
  hiddenCategories: ["road"],
  mainFirst: true,
  cpi: false,
  country: true,
  member: true,
  followers: true,
  races: true,
  cars: true,
  raceCount: 5,
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
  compare: false,
  me: "",
};

/** Options with a few values each. */
export const CHOICES = { layout: LAYOUTS, theme: THEMES, language: LANGUAGES, opener: OPENERS, order: ORDERS } as const;
export type Choice = keyof typeof CHOICES;
/** Options that are on or off. */
export type Flag = { [K in keyof Options]: Options[K] extends boolean ? K : never }[keyof Options];

type Loose = Record<string, unknown>;

const oneOf = <T extends string>(allowed: readonly T[], value: unknown, fallback: T): T =>
  allowed.find((item) => item === value) ?? fallback;
const subset = <T extends string>(allowed: readonly T[], value: unknown, fallback: T[]): T[] =>
  Array.isArray(value) ? [...new Set(value)].filter((v): v is T => allowed.includes(v as T)) : fallback;
const flag = (value: unknown, fallback: boolean): boolean => (typeof value === "boolean" ? value : fallback);
/** The on-off options of `defaults` as they are in `raw`. */
const flags = <T extends object>(raw: Loose, defaults: T): Partial<T> =>
  Object.fromEntries(
    Object.entries(defaults).flatMap(([key, value]) =>
      typeof value === "boolean" ? [[key, flag(raw[key], value)]] : [],
    ),
  ) as Partial<T>;
const object = (value: unknown): Loose => (typeof value === "object" && value !== null ? (value as Loose) : {});
const line = (value: unknown, max: number): string => (typeof value === "string" ? value.trim().slice(0, max) : "");

/** The address of a backend without path end slash, or "" when it is no http(s) address. */
export function backendAddress(value: unknown): string {
  const raw = line(value, 300);
  if (!raw || raw === DEFAULT_BACKEND) return raw;
  try {
    const url = new URL(/^[a-z]+:\/\//i.test(raw) ? raw : `http://${raw}`);
    if (!/^https?:$/.test(url.protocol) || url.username || url.password) return "";
    return (url.origin + url.pathname).replace(/\/+$/, "");
  } catch {
    return "";
  }
}

function linkTemplates(value: unknown): LinkTemplate[] {
  if (!Array.isArray(value)) return DEFAULTS.links.map((link) => ({ ...link }));
  return value
    .slice(0, 20)
    .map((item: unknown) => {
      const raw = object(item);
      return { label: line(raw.label, 30), url: line(raw.url, 300), on: flag(raw.on, true) };
    })
    .filter((link) => link.label && /^(https?:\/\/|\{backend\}\/)/i.test(link.url));
}

/** The newest names that fit: synced storage takes 8 kB for all options together. */
function newest(names: unknown[]): string[] {
  const distinct = [...new Set(names.map((name) => line(name, 100)).filter(Boolean))];
  const fitting: string[] = [];
  for (let room = 4000; distinct.length; ) {
    const name = distinct.pop() ?? "";
    room -= name.length * 2 + 3;
    if (room < 0) break;
    fitting.unshift(name);
  }
  return fitting;
}

/** Options from what was stored or imported: unknown keys are dropped, wrong values become the default. */
export function readOptions(stored: unknown): Options {
  const raw = object(stored);
  const categories = subset(CATEGORIES, raw.categories, []);
  const number = Number(raw.raceCount ?? DEFAULTS.raceCount);
  const choices = Object.entries(CHOICES).map(([key, values]) => [
    key,
    oneOf<string>(values, raw[key], DEFAULTS[key as Choice]),
  ]);
  return {
    ...DEFAULTS,
    ...flags(raw, DEFAULTS),
    ...(Object.fromEntries(choices) as Pick<Options, Choice>),
    backend: backendAddress(raw.backend) || DEFAULTS.backend,
    surfaces: { ...DEFAULTS.surfaces, ...flags(object(raw.surfaces), DEFAULTS.surfaces) },
    categories: [...categories, ...CATEGORIES.filter((c) => !categories.includes(c))],
    hiddenCategories: subset(CATEGORIES, raw.hiddenCategories, DEFAULTS.hiddenCategories),
    raceCount: Number.isInteger(number) ? Math.min(10, Math.max(1, number)) : DEFAULTS.raceCount,
    raceTypes: subset(RACE_TYPES, raw.raceTypes, DEFAULTS.raceTypes),
    links: linkTemplates(raw.links),
    hiddenDrivers: newest(Array.isArray(raw.hiddenDrivers) ? raw.hiddenDrivers : []),
    me: line(raw.me, 100),
  };
}
