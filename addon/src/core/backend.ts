/**
 * The client of a Pitboard backend. It caches answers, asks for a name once at a time, puts at most 50 names into one
 * call, and after a failure sends nothing for as long as Retry-After says, or for a time that grows with each failure.
 * Runs in the extension's background, or inside the userscript.
 */

import {
  type Answer,
  type Asking,
  type Category,
  type Driver,
  fields,
  type History,
  isTrouble,
  merged,
  parseAnswer,
  parseCars,
  parseHistory,
  parseResults,
  type Result,
  type Results,
  type Trouble,
} from "./model.ts";
import { nameKey, tidyName } from "./names.ts";
import { Shelf, type Store } from "./shelf.ts";

export interface Reply {
  status: number;
  body: string;
  /** Seconds, from the Retry-After header. */
  retryAfter: number | null;
}

/** Gets an address; throws when there is no answer at all. */
export type Get = (url: string) => Promise<Reply>;

export const MAX_NAMES = 50;
const MAX_QUERY = 6000;
const MINUTE = 60_000;
/** How long an answer is used: a driver's, "not found", and a kept one while the backend is not available. */
const DRIVER_TTL = 15 * MINUTE;
const NOT_FOUND_TTL = 30 * MINUTE;
const KEPT_TTL = 7 * 24 * 60 * MINUTE;
/**
 * Bounds of the shelves: entries, and characters of one. A driver with a profile has some 4,000. Together they stay below
 * the 10 MB that a browser gives the session, and kept drivers leave half of the 10 MB for notes.
 */
const DRIVERS: [most: number, largest: number] = [600, 9000];
const KEPT: [most: number, largest: number] = [400, 9000];
const HISTORIES: [most: number, largest: number] = [40, 90_000];
const RACES: [most: number, largest: number] = [100, 9000];
/** In the store for kept drivers: with whom the reader raced, the subsessions of the reader's races, the list of cars. */
const MET: [most: number, largest: number] = [1000, 1000];
const OWN: [most: number, largest: number] = [1, 9000];
const CARS: [most: number, largest: number] = [1, 60_000];
const MOST_OWN = 500;

/** Whether an entry of a shelf has an answer with all that is read without further thought. */
function hasAnswer({ answer }: Record<string, unknown>): boolean {
  const { driver, problem } = fields(answer);
  const { custId, name, licences } = fields(driver);
  return typeof problem === "string" || (!!custId && typeof name === "string" && Array.isArray(licences));
}
const hasRaces = ({ races }: Record<string, unknown>): boolean => Array.isArray(races);
const hasCategories = ({ categories }: Record<string, unknown>): boolean => typeof categories === "object";
const hasHistory = ({ history }: Record<string, unknown>): boolean => Array.isArray(fields(history).points);

const UNAVAILABLE: Answer = { problem: "unavailable", retryAfter: null };
const CARS_TTL = 24 * 60 * MINUTE;
/** After a failure the list of cars is not asked for again for so long. */
const CARS_PAUSE = 60 * MINUTE;
const FIRST_PAUSE = 2000;
const LONGEST_PAUSE = MINUTE;
const LONGEST_RETRY_AFTER = 60 * MINUTE;

/** The newest licences, and the newest profile; each has its own time. `profileAt`: 0 if there is no profile. */
interface Cached {
  at: number;
  profileAt: number;
  answer: Answer;
}

/** Races, by subsession. */
interface Subsessions {
  at: number;
  races: number[];
}

/** The reader's races. */
interface Own extends Subsessions {
  custId: number;
}

interface Cars {
  at: number;
  until: number;
  categories: Record<number, Category>;
}

/** The key of a shelf's only entry. */
const ONLY = "all";

/** Until when nothing is sent. `asked`: the backend asked for that (Retry-After). */
interface Pause {
  until: number;
  failures: number;
  asked: boolean;
  trouble: Trouble;
}

/** The browser does not allow us to use the backend's address. */
export class Forbidden extends Error {}

class Failure extends Error {
  constructor(
    readonly retryAfter: number | null,
    readonly trouble: Trouble = "unreachable",
  ) {
    super("backend failed");
  }
}

/** Names in groups that fit into one call each. */
export function chunks(names: readonly string[]): string[][] {
  const groups: string[][] = [];
  let size = MAX_QUERY;
  for (const name of names) {
    const length = encodeURIComponent(name).length + 1;
    if (size + length > MAX_QUERY || (groups.at(-1)?.length ?? MAX_NAMES) >= MAX_NAMES) {
      groups.push([]);
      size = 0;
    }
    groups.at(-1)?.push(name);
    size += length;
  }
  return groups;
}

/** Backends that do not know `profile` and `wait` send profiles, and wait. */
export const driversUrl = (backend: string, names: readonly string[], { profile, now }: Asking = {}): string =>
  `${backend}/drivers?names=${names.map(encodeURIComponent).join(",")}${profile ? "" : "&profile=0"}${now ? "&wait=0" : ""}`;

/** Puts the categories of cars into the races of drivers. */
function addCategories(answers: Iterable<Answer>, cars: Record<number, Category>): void {
  for (const answer of answers) {
    if (!("driver" in answer)) continue;
    for (const race of answer.driver.races ?? []) race.category = cars[race.carId ?? 0] ?? null;
  }
}

export class Backend {
  readonly #requests = new Map<string, Promise<Answer>>();
  readonly #address: () => Promise<string>;
  readonly #get: Get;
  readonly #session: Store;
  readonly #drivers: Shelf<Cached>;
  readonly #kept: Shelf<Cached>;
  readonly #histories: Shelf<{ at: number; history: History }>;
  readonly #results: Shelf<{ at: number; races: Result[] }>;
  readonly #met: Shelf<Subsessions>;
  readonly #mine: Shelf<Own>;
  readonly #carList: Shelf<Cars>;
  readonly #now: () => number;

  /**
   * @param address gives the backend's address
   * @param session cache of this browser session
   * @param kept the last good answer for each driver, for when the backend is not available
   */
  constructor(address: () => Promise<string>, get: Get, session: Store, kept: Store, now: () => number = Date.now) {
    this.#address = address;
    this.#get = get;
    this.#session = session;
    this.#drivers = new Shelf(session, "driver", DRIVERS, hasAnswer);
    this.#histories = new Shelf(session, "history", HISTORIES, hasHistory);
    this.#kept = new Shelf(kept, "kept", KEPT, hasAnswer);
    this.#results = new Shelf(session, "races", RACES, hasRaces);
    this.#met = new Shelf(kept, "met", MET, hasRaces);
    this.#mine = new Shelf(kept, "own", OWN, hasRaces);
    this.#carList = new Shelf(kept, "cars", CARS, hasCategories);
    this.#now = now;
  }

  /** An answer for each name, by the name as given. */
  async drivers(names: readonly string[], asking: Asking = {}): Promise<Record<string, Answer>> {
    const wanted = new Map(names.map((name) => [name, tidyName(name)]));
    const known = asking.reload ? new Map<string, Answer>() : await this.#fromCache([...wanted.values()], asking);
    const request = (name: string) => `${asking.profile} ${asking.now} ${nameKey(name)}`;
    const missing = [...new Set(wanted.values())].filter(
      (name) => name && !known.has(nameKey(name)) && !this.#requests.has(request(name)),
    );
    for (const group of chunks(missing)) {
      const all = this.#ask(group, asking);
      for (const name of group) {
        const one = all.then((answers): Answer => answers.get(nameKey(name)) ?? UNAVAILABLE);
        this.#requests.set(request(name), one);
        const done = () => this.#requests.delete(request(name));
        one.then(done, done);
      }
    }
    const answers = [...wanted].map(async ([asked, name]): Promise<[string, Answer]> => {
      const answer = known.get(nameKey(name)) ?? (await this.#requests.get(request(name)));
      return [asked, answer ?? { problem: "invalid_name", retryAfter: null }];
    });
    const found = await Promise.all(answers);
    await this.#addMet(found.map(([, answer]) => answer));
    return Object.fromEntries(found);
  }

  /** Ratings over time. Rejects when there is no usable answer. */
  async history(custId: number, category: string, kind: string): Promise<History> {
    const key = `${custId} ${category} ${kind}`;
    const stored = (await this.#histories.get([key])).get(key);
    if (stored && this.#now() - stored.at < DRIVER_TTL) return stored.history;
    const query = new URLSearchParams({ category, kind });
    const history = parseHistory(await this.#json(`${await this.#address()}/drivers/${custId}/history?${query}`));
    await this.#histories.put(new Map([[key, { at: this.#now(), history }]]));
    return history;
  }

  /**
   * The last official races, with those that the reader drove, too. `me`: the reader's name; "": it is not known. Rejects
   * when there is no usable answer.
   */
  async races(custId: number, me = ""): Promise<Results> {
    const [races, own] = await Promise.all([this.#races(custId), this.#own(custId, me).catch(() => [])]);
    const theirs = new Set(races.map((race) => race.subsession));
    const together = own.filter((race) => theirs.has(race.subsession));
    if (together.length) {
      const key = String(custId);
      const known = (await this.#met.get([key])).get(key)?.races ?? [];
      const ids = new Set([...known, ...together.map((race) => race.subsession ?? 0)]);
      await this.#met.put(new Map([[key, { at: this.#now(), races: [...ids].slice(-50) }]]));
    }
    return { races, together };
  }

  /** The reader's own last races; none on the reader's own card. */
  async #own(custId: number, me: string): Promise<Result[]> {
    if (!me) return [];
    const answer = (await this.drivers([me], { now: true }))[me];
    if (!answer || !("driver" in answer) || answer.driver.custId === custId) return [];
    const races = await this.#races(answer.driver.custId);
    const stored = (await this.#mine.get([ONLY])).get(ONLY);
    const known = stored?.custId === answer.driver.custId ? stored.races : [];
    const ids = new Set([...known, ...races.map((race) => race.subsession ?? 0)]);
    if (ids.size > known.length) {
      const own = { at: this.#now(), custId: answer.driver.custId, races: [...ids].slice(-MOST_OWN) };
      await this.#mine.put(new Map([[ONLY, own]]));
    }
    return races;
  }

  async #races(custId: number): Promise<Result[]> {
    const key = String(custId);
    const stored = (await this.#results.get([key])).get(key);
    if (stored && this.#now() - stored.at < DRIVER_TTL) return stored.races;
    const races = parseResults(await this.#json(`${await this.#address()}/drivers/${custId}/races`));
    await this.#results.put(new Map([[key, { at: this.#now(), races }]]));
    return races;
  }

  /** The categories of cars, asked for once a day. None when they cannot be had: older backends have no list. */
  async #cars(): Promise<Record<number, Category>> {
    const stored = (await this.#carList.get([ONLY])).get(ONLY);
    if (stored && this.#now() < stored.until) return stored.categories;
    const at = this.#now();
    let cars: Cars = { at, until: at + CARS_PAUSE, categories: stored?.categories ?? {} };
    try {
      const reply = await this.#get(`${await this.#address()}/cars`);
      const categories = reply.status === 200 ? parseCars(JSON.parse(reply.body)) : {};
      if (Object.keys(categories).length) cars = { at, until: at + CARS_TTL, categories };
    } catch {
      // the drivers are shown without
    }
    await this.#carList.put(new Map([[ONLY, cars]]));
    return cars.categories;
  }

  /** Says of drivers how often the reader raced with them, as far as our own side knows. */
  async #addMet(answers: Iterable<Answer>): Promise<void> {
    const drivers = [...answers].flatMap((answer) => ("driver" in answer ? [answer.driver] : []));
    const mine = (await this.#mine.get([ONLY])).get(ONLY);
    if (!mine?.races.length) return;
    const own = new Set(mine.races);
    const met = await this.#met.get(drivers.map(({ custId }) => String(custId)));
    for (const driver of drivers) {
      if (driver.custId === mine.custId) continue;
      const ids = new Set(met.get(String(driver.custId))?.races);
      for (const { subsession } of driver.races ?? []) if (subsession && own.has(subsession)) ids.add(subsession);
      driver.met = ids.size;
    }
  }

  /** Forgets the answers of this session (the backend's address has changed). */
  async forget(): Promise<void> {
    await this.#session.remove(await this.#session.keys());
  }

  async #fromCache(names: string[], { profile }: Asking): Promise<Map<string, Answer>> {
    const found = new Map<string, Answer>();
    for (const [key, { at, profileAt, answer }] of await this.#drivers.get(names.map(nameKey))) {
      const isDriver = "driver" in answer;
      const age = this.#now() - (isDriver && profile ? Math.min(at, profileAt) : at);
      if (age < (isDriver ? DRIVER_TTL : NOT_FOUND_TTL)) found.set(key, answer);
    }
    return found;
  }

  async #ask(group: string[], asking: Asking): Promise<Map<string, Answer>> {
    const answers = new Map<string, Answer>();
    try {
      const cars = asking.profile ? this.#cars() : Promise.resolve({});
      const body = await this.#json(driversUrl(await this.#address(), group, asking), asking.reload);
      const byKey = new Map(Object.entries(body).map(([name, value]) => [nameKey(tidyName(name)), value]));
      for (const name of group) answers.set(nameKey(name), parseAnswer(byKey.get(nameKey(name)), this.#now()));
      addCategories(answers.values(), await cars);
      await this.#keep(answers);
    } catch (error) {
      const { retryAfter, trouble } = error instanceof Failure ? error : new Failure(null);
      for (const name of group) answers.set(nameKey(name), { problem: trouble, retryAfter });
    }
    await this.#fillFromKept(answers);
    return answers;
  }

  /**
   * The JSON object at an address. Throws `Failure` when there is none, and during a pause. `reload` ends our own pause,
   * but not one that the backend asked for.
   */
  async #json(url: string, reload = false): Promise<Record<string, unknown>> {
    const pause = await this.#pause();
    const left = pause.until - this.#now();
    if (left > 0 && !(reload && !pause.asked)) throw new Failure(Math.ceil(left / 1000), pause.trouble);
    let reply: Reply;
    try {
      reply = await this.#get(url);
    } catch (error) {
      throw await this.#failed(pause.failures, null, error instanceof Forbidden ? "forbidden" : undefined);
    }
    if (reply.status === 429 || reply.status >= 500) {
      const asked = reply.status === 429 || reply.retryAfter !== null;
      throw await this.#failed(pause.failures, reply.retryAfter, asked ? "waiting" : undefined);
    }
    if (pause.failures) await this.#session.remove(["pause"]).catch(() => {});
    try {
      const body: unknown = JSON.parse(reply.body);
      if (reply.status < 300 && typeof body === "object" && body !== null) return body as Record<string, unknown>;
    } catch {
      // not JSON: another kind of server, or a proxy's error page
    }
    throw new Failure(null);
  }

  /** The present pause. It is in the session store, because a browser may stop the background at any time. */
  async #pause(): Promise<Pause> {
    const { pause } = await this.#session.read(["pause"]).catch((): Record<string, unknown> => ({}));
    return typeof fields(pause).until === "number"
      ? (pause as Pause)
      : { until: 0, failures: 0, asked: false, trouble: "unreachable" };
  }

  async #failed(failures: number, retryAfter: number | null, trouble: Trouble = "unreachable"): Promise<Failure> {
    const grown = Math.min(LONGEST_PAUSE, FIRST_PAUSE * 2 ** failures);
    const wait = retryAfter === null ? grown : Math.min(retryAfter * 1000, LONGEST_RETRY_AFTER);
    const pause: Pause = { until: this.#now() + wait, failures: failures + 1, asked: retryAfter !== null, trouble };
    await this.#session.write({ pause }).catch(() => {});
    return new Failure(Math.ceil(wait / 1000), trouble);
  }

  /** Puts final answers into the cache, and drivers into what is kept; who is not to be shown any more leaves it. */
  async #keep(answers: Map<string, Answer>): Promise<void> {
    const drivers = new Map<string, Answer>();
    const missing = new Map<string, Answer>();
    for (const [key, answer] of answers) {
      if ("driver" in answer) {
        if (answer.driver.state === "fresh" || answer.driver.state === "stale") drivers.set(key, answer);
      } else if (answer.problem === "not_found" || answer.problem === "withheld") missing.set(key, answer);
    }
    await Promise.all([
      this.#put(this.#drivers, new Map([...drivers, ...missing])),
      this.#put(this.#kept, drivers),
      missing.size && this.#kept.drop(missing.keys()),
    ]);
  }

  /** Adds answers to a shelf. Licences alone do not replace a profile. */
  async #put(shelf: Shelf<Cached>, answers: Map<string, Answer>): Promise<void> {
    if (!answers.size) return;
    const older = await shelf.get([...answers.keys()]);
    const at = this.#now();
    const entries = new Map<string, Cached>();
    for (const [key, answer] of answers) {
      const known = older.get(key);
      if (!("driver" in answer)) entries.set(key, { at, profileAt: 0, answer });
      else {
        const before = known && "driver" in known.answer ? known.answer.driver : undefined;
        const driver = merged(before, answer.driver);
        const profileAt = answer.driver.races ? at : driver.races ? (known?.profileAt ?? 0) : 0;
        entries.set(key, { at, profileAt, answer: { driver } });
      }
    }
    await shelf.put(entries);
  }

  async #fillFromKept(answers: Map<string, Answer>): Promise<void> {
    const missing = [...answers]
      .filter(([, a]) => "problem" in a && (a.problem === "unavailable" || isTrouble(a.problem)))
      .map(([key]) => key);
    if (!missing.length) return;
    for (const [key, { at, answer }] of await this.#kept.get(missing)) {
      if (!("driver" in answer) || this.#now() - at > KEPT_TTL) continue;
      const driver: Driver = { ...answer.driver, state: "kept", asOf: answer.driver.asOf ?? at };
      answers.set(key, { driver });
    }
  }
}
