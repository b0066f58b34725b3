/**
 * What the addon knows about a driver, and how that is read from a backend's answer.
 *
 * The reader may choose any backend, so no type is trusted: a field of the wrong type is dropped, text is cleaned and
 * cut, and a driver without id or name is refused. The field names are those of iRacing's Data API (`member/profile`),
 * which the backend passes on.
 */

import { countryCode } from "./countries.ts";

export const CATEGORIES = ["sports_car", "formula_car", "oval", "dirt_oval", "dirt_road", "road"] as const;
export type Category = (typeof CATEGORIES)[number];

/** Licence classes from the lowest to the highest: Rookie, D, C, B, A, Pro, World Championship. */
export const CLASSES = ["R", "D", "C", "B", "A", "P", "W"] as const;
export type LicenceClass = (typeof CLASSES)[number];

export interface Licence {
  category: Category;
  class: LicenceClass;
  /** Safety rating within the class, 0 to 4.99; null when it is not known. */
  safety: number | null;
  /** null: the driver has no iRating in this category. */
  irating: number | null;
  /** Corners per incident. */
  cpi: number | null;
  starts: number | null;
  wins: number | null;
  /** Time-trial rating. */
  timeTrial: number | null;
  /** Incidents a race, on average. */
  incidents: number | null;
  /** Races (or time trials) of this season that count for the next licence. */
  towards: number | null;
  /** The driver's place by iRating, from 1: among all drivers, and among those of the driver's country. */
  world: Rank | null;
  national: Rank | null;
}

/** `place` of `of` rated drivers. */
export interface Rank {
  place: number;
  of: number;
}

export interface Race {
  /** In capitals without spaces: RACE, HOSTED, TIMETRIAL … */
  type: string;
  subsession: number | null;
  /** Milliseconds since 1970, UTC. */
  start: number | null;
  car: string;
  carId: number | null;
  track: string;
  /** The name of the event or the series; "" if it is not known. */
  event?: string;
  /** Positions at the start and the finish, from 1; null: there is none, or it is not known. */
  from: number | null;
  to: number | null;
  /** The category of the car; null: it is not known. */
  category: Category | null;
}

/** An official race with what it did to the ratings. null: it is not known. */
export interface Result extends Race {
  irating: number | null;
  safety: number | null;
  incidents: number | null;
  /** Strength of field. */
  strength: number | null;
}

/** The last official races of a driver, and those of them that the reader was in, as the reader drove them. */
export interface Results {
  races: Result[];
  together: Result[];
}

export interface Driver {
  custId: number;
  name: string;
  country: { code: string; name: string } | null;
  /** "YYYY-MM-DD" */
  memberSince: string | null;
  lastLogin: number | null;
  licences: Licence[];
  followers: number | null;
  follows: number | null;
  /** null: there is no profile, only licences. */
  races: Race[] | null;
  activity: { last30: number; before30: number; weeks: number } | null;
  /** In how many of the known races the reader was, too. Set by our own side, not by the backend. */
  met?: number;
  /**
   * `index`: from the backend's list of all drivers, up to a day old. `partial`: licences, and the profile is coming.
   * `stale`: the backend is updating it. `kept`: our copy, no answer from the backend.
   */
  state: "fresh" | "stale" | "partial" | "index" | "kept";
  /** The time of the data, in milliseconds since 1970. */
  asOf: number | null;
}

/**
 * Why no name of the page has an answer: none came from the backend, it asks to wait, the browser does not allow us to ask
 * it, or the extension was updated and the page still has the old one, which can ask nobody.
 */
const TROUBLES = ["unreachable", "waiting", "forbidden", "updated"] as const;
export type Trouble = (typeof TROUBLES)[number];
/** `withheld`: the backend has been asked not to show this driver. */
export type Problem = "not_found" | "pending" | "invalid_name" | "unavailable" | "withheld" | Trouble;

/** An answer for one name. `retryAfter` in seconds. */
export type Answer = { driver: Driver } | { problem: Problem; retryAfter: number | null };

/** How names are asked for: with profiles, without waiting for who is not known, not from a cache. */
export interface Asking {
  profile?: boolean;
  now?: boolean;
  reload?: boolean;
}

/** Whether the backend has more to say. */
export const isUnfinished = (answer: Answer, profile = false): boolean =>
  "driver" in answer
    ? profile && (answer.driver.state === "partial" || answer.driver.state === "index")
    : answer.problem === "pending";

/** Whether the backend could not ask iRacing and says when to ask it again. */
export const isPutOff = (answer: Answer): boolean =>
  "problem" in answer && answer.problem === "unavailable" && answer.retryAfter !== null;

type Fields = Record<string, unknown>;

/** The fields of an object; none if it is something else. */
export const fields = (value: unknown): Fields =>
  typeof value === "object" && value !== null && !Array.isArray(value) ? (value as Fields) : {};
const list = (value: unknown): unknown[] => (Array.isArray(value) ? value : []);
const number = (value: unknown): number | null => (typeof value === "number" && Number.isFinite(value) ? value : null);
const count = (value: unknown): number | null => {
  const n = number(value);
  return n !== null && n >= 0 ? Math.trunc(n) : null;
};
const positive = (value: unknown): number | null => {
  const n = number(value);
  return n !== null && n > 0 ? n : null;
};

/**
 * One line of plain text: no control characters, no direction overrides, no halves of characters (in an address they
 * are an error), at most `max` characters.
 */
export function text(value: unknown, max = 80): string {
  if (typeof value !== "string") return "";
  const clean = value
    .slice(0, max * 4)
    .replace(/[\p{Cc}\p{Cs}\u200e\u200f\u202a-\u202e\u2066-\u2069\u2028\u2029]/gu, " ")
    .replace(/\s+/g, " ")
    .trim();
  return clean.length > max ? `${clean.slice(0, max - 1).replace(/\p{Cs}$/u, "")}…` : clean;
}

/** A timestamp of iRacing's (with up to nine decimals of a second) in milliseconds since 1970, or null. */
export function instant(value: unknown): number | null {
  if (typeof value !== "string" || !/^\d{4}-\d\d-\d\d/.test(value)) return null;
  const time = Date.parse(value.replace(/(\.\d{3})\d+/, "$1"));
  return Number.isNaN(time) ? null : time;
}

function licenceClass(raw: Fields): LicenceClass | null {
  const group = number(raw.group_id) ?? Math.ceil((number(raw.license_level) ?? 0) / 4);
  return CLASSES[group - 1] ?? null;
}

const rank = (place: unknown, of: unknown): Rank | null => {
  const [at, all] = [count(place), count(of)];
  return at && all && at <= all ? { place: at, of: all } : null;
};

function licence(value: unknown): Licence | null {
  const raw = fields(value);
  const category = CATEGORIES.find((c) => c === raw.category);
  const letter = licenceClass(raw);
  if (!category || !letter) return null;
  const safety = number(raw.safety_rating);
  const ranks = fields(raw.rank);
  return {
    category,
    class: letter,
    safety: safety !== null && safety >= 0 && safety < 10 ? safety : null,
    irating: positive(raw.irating),
    cpi: positive(raw.cpi),
    starts: count(raw.starts),
    wins: count(raw.wins),
    timeTrial: positive(raw.tt_rating),
    incidents: number(raw.avg_incidents),
    towards: raw.mpr_num_races === undefined ? null : (count(raw.mpr_num_races) ?? 0) + (count(raw.mpr_num_tts) ?? 0),
    world: rank(ranks.world, ranks.of),
    national: rank(ranks.country, ranks.country_of),
  };
}

const present = <T>(value: T | null): value is T => value !== null;

/** iRacing writes "Open Qualify", "Lone Qualify" and "Time Trial" in several ways. */
function kindOf(value: unknown): string {
  const letters = text(value, 20)
    .toUpperCase()
    .replace(/[^A-Z]/g, "");
  return letters.includes("QUALIFY") ? "QUALIFY" : letters;
}

function race(value: unknown): Race | null {
  const raw = fields(value);
  const track = fields(raw.track);
  const config = text(track.config_name, 60);
  // recent_events counts positions from 0 and uses -1 for "none", unlike the rest of the Data API
  const position = (n: unknown) => {
    const index = count(n);
    return index === null ? null : index + 1;
  };
  const result: Race = {
    type: kindOf(raw.event_type),
    subsession: positive(raw.subsession_id),
    start: instant(raw.start_time),
    car: text(raw.car_name),
    carId: positive(raw.car_id),
    track: text(track.track_name) + (config ? ` – ${config}` : ""),
    event: text(raw.event_name),
    from: position(raw.starting_position),
    to: position(raw.finish_position),
    category: null,
  };
  return result.car || result.track || result.start ? result : null;
}

const change = (value: unknown): number | null => {
  const by = number(value);
  return by !== null && Math.abs(by) < 10_000 ? by : null;
};

function result(value: unknown): Result | null {
  const raw = fields(value);
  const subsession = positive(raw.subsession_id);
  // unlike in recent_events, positions count from 1
  return subsession === null
    ? null
    : {
        type: "RACE",
        subsession,
        start: instant(raw.session_start_time),
        car: text(raw.car_name),
        carId: positive(raw.car_id),
        track: text(fields(raw.track).track_name),
        event: text(raw.series_name),
        from: positive(raw.start_position),
        to: positive(raw.finish_position),
        category: CATEGORIES.find((c) => c === raw.category) ?? null,
        irating: change(raw.irating_change),
        safety: change(raw.safety_rating_change),
        incidents: count(raw.incidents),
        strength: positive(raw.strength_of_field),
      };
}

/** The answer of `/drivers/{cust_id}/races`. */
export const parseResults = (value: unknown): Result[] =>
  list(fields(value).races).slice(0, 20).map(result).filter(present);

/** The answer of `/cars`: the categories of cars by id. */
export const parseCars = (value: unknown): Record<number, Category> =>
  Object.fromEntries(
    list(fields(value).cars)
      .slice(0, 2000)
      .map(fields)
      .flatMap((car): [number, Category][] => {
        const id = positive(car.car_id);
        const category = CATEGORIES.find((c) => c === car.category);
        return id && category ? [[id, category]] : [];
      }),
  );

function country(info: Fields): Driver["country"] {
  // without a profile only the flair may be known; a flair without a short name is no country
  const short = text(info.flair_shortname, 3).toUpperCase();
  const name = text(info.country) || (short && text(info.flair_name));
  // the index may have the account's country, and a profile the flair's: the flair says already what the profile will
  const profile = "country" in info ? text(info.country_code, 3) : "";
  const code = (profile || countryCode(short) || text(info.country_code, 3)).toUpperCase();
  return name || code ? { code: /^[A-Z]{2,3}$/.test(code) ? code : "", name: name || code } : null;
}

/** A driver from the backend's answer; null if there is none in it. `now` in milliseconds since 1970. */
export function parseDriver(value: unknown, now: number): Driver | null {
  const raw = fields(value);
  const info = fields(raw.member_info);
  const meta = fields(raw._meta);
  const follow = fields(raw.follow_counts);
  const activity = fields(raw.activity);
  const custId = positive(info.cust_id) ?? positive(raw.cust_id);
  const name = text(info.display_name);
  if (!custId || !name) return null;
  const age = number(meta.age);
  const last30 = count(activity.recent_30days_count);
  return {
    custId,
    name,
    country: country(info),
    memberSince: instant(info.member_since) === null ? null : String(info.member_since).slice(0, 10),
    lastLogin: instant(info.last_login),
    licences: list(info.licenses).slice(0, 12).map(licence).filter(present),
    followers: count(follow.followers),
    follows: count(follow.follows),
    races: Array.isArray(raw.recent_events) ? raw.recent_events.slice(0, 20).map(race).filter(present) : null,
    activity:
      last30 === null
        ? null
        : { last30, before30: count(activity.prev_30days_count) ?? 0, weeks: count(activity.consecutive_weeks) ?? 0 },
    state:
      meta.source === "index" ? "index" : meta.state === "partial" || meta.state === "stale" ? meta.state : "fresh",
    asOf: instant(meta.as_of) ?? (age !== null && age >= 0 ? now - age * 1000 : null),
  };
}

/** A newer answer for a driver. If it has licences only, the profile that is known stays. */
export function merged(older: Driver | undefined, newer: Driver): Driver {
  if (!older?.races || newer.races || older.custId !== newer.custId) return newer;
  const { country, followers, follows, races, activity } = older;
  return { ...newer, country: country ?? newer.country, followers, follows, races, activity };
}

export const isTrouble = (problem: Problem): problem is Trouble => (TROUBLES as readonly Problem[]).includes(problem);

const PROBLEMS: readonly Problem[] = ["not_found", "pending", "invalid_name", "unavailable", "withheld"];

/** The backend's answer for one name. Older backends send `{error}` without a code. */
export function parseAnswer(value: unknown, now: number): Answer {
  const driver = parseDriver(value, now);
  if (driver) return { driver };
  const raw = fields(value);
  const problem =
    PROBLEMS.find((p) => p === raw.code) ?? (/not.?found/i.test(text(raw.error)) ? "not_found" : "unavailable");
  return { problem, retryAfter: positive(raw.retry_after) };
}

export interface History {
  points: { when: number; value: number; class: LicenceClass | null }[];
  career: {
    starts: number;
    wins: number;
    top5: number;
    poles: number;
    /** Averages of the finish and of the incidents of a race. */
    finish: number | null;
    incidents: number | null;
  } | null;
}

/** The answer of `/drivers/{cust_id}/history`, points sorted by time. Points without time or value are left out. */
export function parseHistory(value: unknown): History {
  const raw = fields(value);
  const points = list(raw.points)
    .slice(-5000)
    .map((item) => {
      const point = fields(item);
      const when = instant(point.when);
      const level = number(point.value);
      return when === null || level === null
        ? null
        : { when, value: level, class: CLASSES.find((c) => c === String(point.class)[0]) ?? null };
    })
    .filter(present)
    .sort((a, b) => a.when - b.when);
  const career = fields(raw.career);
  const starts = count(career.starts);
  return {
    points,
    career:
      starts === null
        ? null
        : {
            starts,
            wins: count(career.wins) ?? 0,
            top5: count(career.top5) ?? 0,
            poles: count(career.poles) ?? 0,
            finish: positive(career.avg_finish_position),
            incidents: number(career.avg_incidents),
          },
  };
}
