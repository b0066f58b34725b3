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
  type History,
  merged,
  parseAnswer,
  parseCars,
  parseHistory,
  parseResults,
  type Result,
  type Results,
} from "./model.ts";
import { nameKey, tidyName } from "./names.ts";

export interface Reply {
  status: number;
  body: string;
  /** Seconds, from the Retry-After header. */
  retryAfter: number | null;
}

/** Gets an address; throws when there is no answer at all. */
export type Get = (url: string) => Promise<Reply>;

/** A small key-value store. Values are JSON. */
export interface Store {
  read(keys: string[]): Promise<Record<string, unknown>>;
  write(values: Record<string, unknown>): Promise<void>;
  remove(keys: string[]): Promise<void>;
  keys(): Promise<string[]>;
}

const UNAVAILABLE: Answer = { problem: "unavailable", retryAfter: null };

export const MAX_NAMES = 50;
const MAX_QUERY = 6000;
const MINUTE = 60_000;
/** How long an answer is used: a driver's, "not found", and a kept one while the backend is not available. */
const DRIVER_TTL = 15 * MINUTE;
const NOT_FOUND_TTL = 30 * MINUTE;
const KEPT_TTL = 7 * 24 * 60 * MINUTE;
const MAX_KEPT = 400;
/** Answers in the cache of the session: some 4 kB each, and a browser has 5 MB or 10 MB for all. */
const MAX_CACHED = 600;
const MAX_HISTORIES = 100;
/** Some more are removed at once, so that it does not happen at every call. */
const TRIM_STEP = 50;
/** Prefixes of the keys in the stores. */
const DRIVER = "driver ";
const KEPT = "kept ";
const HISTORY = "history ";
const RACES = "races ";
const MET = "met ";
/** The subsessions of the reader's own races, and the categories of cars. */
const OWN = "own";
const CARS = "cars";
const CARS_TTL = 24 * 60 * MINUTE;
/** After a failure the list of cars is not asked for again for so long. */
const CARS_PAUSE = 60 * MINUTE;
const MAX_MET = 1000;
const MAX_OWN = 500;
const FIRST_PAUSE = 2000;
const LONGEST_PAUSE = 5 * MINUTE;
const LONGEST_RETRY_AFTER = 60 * MINUTE;

/** The newest licences, and the newest profile; each has its own time. `profileAt`: 0 if there is no profile. */
interface Cached {
  at: number;
  profileAt: number;
  answer: Answer;
}

/** The reader's races, by subsession. */
interface Own {
  custId: number;
  races: number[];
}

/** Until when nothing is sent. `asked`: the backend asked for that (Retry-After). */
interface Pause {
  until: number;
  failures: number;
  asked: boolean;
}

class Failure extends Error {
  constructor(readonly retryAfter: number | null) {
    super("backend failed");
  }
}

/** Removes the oldest of more than `max` entries. */
async function trim(store: Store, prefix: string, max: number): Promise<void> {
  const keys = (await store.keys()).filter((key) => key.startsWith(prefix));
  if (keys.length <= max) return;
  const stored = Object.entries(await store.read(keys)) as [string, { at: number }][];
  stored.sort((a, b) => a[1].at - b[1].at);
  await store.remove(stored.slice(0, keys.length - max + TRIM_STEP).map(([key]) => key));
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
  readonly #kept: Store;
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
    this.#kept = kept;
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
    await this.#addMet(found.map(([, answer]) => answer)).catch(() => {});
    return Object.fromEntries(found);
  }

  /** Ratings over time. Rejects when there is no usable answer. */
  async history(custId: number, category: string, kind: string): Promise<History> {
    const key = `${HISTORY}${custId} ${category} ${kind}`;
    const stored = (await this.#session.read([key]))[key] as { at: number; history: History } | undefined;
    if (stored && this.#now() - stored.at < DRIVER_TTL) return stored.history;
    const query = new URLSearchParams({ category, kind });
    const history = parseHistory(await this.#json(`${await this.#address()}/drivers/${custId}/history?${query}`));
    await this.#session.write({ [key]: { at: this.#now(), history } });
    await trim(this.#session, HISTORY, MAX_HISTORIES);
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
      const known = (await this.#kept.read([MET + custId]))[MET + custId] as { races: number[] } | undefined;
      const ids = new Set([...(known?.races ?? []), ...together.map((race) => race.subsession ?? 0)]);
      await this.#kept.write({ [MET + custId]: { at: this.#now(), races: [...ids].slice(-50) } });
      await trim(this.#kept, MET, MAX_MET);
    }
    return { races, together };
  }

  /** The reader's own last races; none on the reader's own card. */
  async #own(custId: number, me: string): Promise<Result[]> {
    if (!me) return [];
    const answer = (await this.drivers([me], { now: true }))[me];
    if (!answer || !("driver" in answer) || answer.driver.custId === custId) return [];
    const races = await this.#races(answer.driver.custId);
    const stored = (await this.#kept.read([OWN]))[OWN] as Own | undefined;
    const known = stored?.custId === answer.driver.custId ? stored.races : [];
    const ids = new Set([...known, ...races.map((race) => race.subsession ?? 0)]);
    if (ids.size > known.length) {
      const own: Own = { custId: answer.driver.custId, races: [...ids].slice(-MAX_OWN) };
      await this.#kept.write({ [OWN]: own });
    }
    return races;
  }

  async #races(custId: number): Promise<Result[]> {
    const key = RACES + custId;
    const stored = (await this.#session.read([key]))[key] as { at: number; races: Result[] } | undefined;
    if (stored && this.#now() - stored.at < DRIVER_TTL) return stored.races;
    const races = parseResults(await this.#json(`${await this.#address()}/drivers/${custId}/races`));
    await this.#session.write({ [key]: { at: this.#now(), races } });
    await trim(this.#session, RACES, MAX_HISTORIES);
    return races;
  }

  /** The categories of cars, asked for once a day. None when they cannot be had: older backends have no list. */
  async #cars(): Promise<Record<number, Category>> {
    type Cars = { until: number; categories: Record<number, Category> };
    const stored = (await this.#kept.read([CARS]))[CARS] as Cars | undefined;
    if (stored && this.#now() < stored.until) return stored.categories;
    let cars: Cars = { until: this.#now() + CARS_PAUSE, categories: stored?.categories ?? {} };
    try {
      const reply = await this.#get(`${await this.#address()}/cars`);
      const categories = reply.status === 200 ? parseCars(JSON.parse(reply.body)) : {};
      if (Object.keys(categories).length) cars = { until: this.#now() + CARS_TTL, categories };
    } catch {
      // the drivers are shown without
    }
    await this.#kept.write({ [CARS]: cars }).catch(() => {});
    return cars.categories;
  }

  /** Says of drivers how often the reader raced with them, as far as our own side knows. */
  async #addMet(answers: Iterable<Answer>): Promise<void> {
    const drivers = [...answers].flatMap((answer) => ("driver" in answer ? [answer.driver] : []));
    const stored = await this.#kept.read([OWN, ...drivers.map(({ custId }) => MET + custId)]);
    const mine = stored[OWN] as Own | undefined;
    const own = new Set(mine?.races);
    for (const driver of own.size ? drivers : []) {
      if (driver.custId === mine?.custId) continue;
      const ids = new Set((stored[MET + driver.custId] as { races: number[] } | undefined)?.races);
      for (const { subsession } of driver.races ?? []) if (subsession && own.has(subsession)) ids.add(subsession);
      driver.met = ids.size;
    }
  }

  /** Forgets the answers of this session (the backend's address has changed). */
  async forget(): Promise<void> {
    await this.#session.remove(await this.#session.keys());
  }

  async #fromCache(names: string[], { profile }: Asking): Promise<Map<string, Answer>> {
    const stored = await this.#session.read(names.map((name) => DRIVER + nameKey(name)));
    const found = new Map<string, Answer>();
    for (const [key, value] of Object.entries(stored)) {
      const { at, profileAt, answer } = value as Cached;
      const isDriver = "driver" in answer;
      const age = this.#now() - (isDriver && profile ? Math.min(at, profileAt) : at);
      if (age < (isDriver ? DRIVER_TTL : NOT_FOUND_TTL)) found.set(key.slice(DRIVER.length), answer);
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
      // a full store only means that names are asked for again
      await this.#keep(answers).catch(() => {});
    } catch (error) {
      const retryAfter = error instanceof Failure ? error.retryAfter : null;
      for (const name of group) answers.set(nameKey(name), { problem: "unavailable", retryAfter });
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
    if (left > 0 && !(reload && !pause.asked)) throw new Failure(Math.ceil(left / 1000));
    let reply: Reply;
    try {
      reply = await this.#get(url);
    } catch {
      throw await this.#failed(pause.failures, null);
    }
    if (reply.status === 429 || reply.status >= 500) throw await this.#failed(pause.failures, reply.retryAfter);
    if (pause.failures) await this.#session.remove(["pause"]);
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
    const stored = (await this.#session.read(["pause"])).pause as Pause | undefined;
    return stored ?? { until: 0, failures: 0, asked: false };
  }

  async #failed(failures: number, retryAfter: number | null): Promise<Failure> {
    const grown = Math.min(LONGEST_PAUSE, FIRST_PAUSE * 2 ** failures);
    const wait = retryAfter === null ? grown : Math.min(retryAfter * 1000, LONGEST_RETRY_AFTER);
    const pause: Pause = { until: this.#now() + wait, failures: failures + 1, asked: retryAfter !== null };
    await this.#session.write({ pause });
    return new Failure(Math.ceil(wait / 1000));
  }

  /** Puts final answers into the cache, and drivers into what is kept. */
  async #keep(answers: Map<string, Answer>): Promise<void> {
    const drivers = new Map<string, Answer>();
    const missing = new Map<string, Answer>();
    for (const [key, answer] of answers) {
      if ("driver" in answer) {
        if (answer.driver.state === "fresh" || answer.driver.state === "stale") drivers.set(key, answer);
      } else if (answer.problem === "not_found") missing.set(key, answer);
    }
    await Promise.all([
      this.#write(this.#session, DRIVER, new Map([...drivers, ...missing]), MAX_CACHED),
      this.#write(this.#kept, KEPT, drivers, MAX_KEPT),
    ]);
  }

  /** Adds answers to a store. Licences alone do not replace a profile. */
  async #write(store: Store, prefix: string, answers: Map<string, Answer>, max: number): Promise<void> {
    if (!answers.size) return;
    const older = await store.read([...answers.keys()].map((key) => prefix + key));
    const at = this.#now();
    const values: Record<string, Cached> = {};
    for (const [key, answer] of answers) {
      const known = older[prefix + key] as Cached | undefined;
      if (!("driver" in answer)) values[prefix + key] = { at, profileAt: 0, answer };
      else {
        const before = known && "driver" in known.answer ? known.answer.driver : undefined;
        const driver = merged(before, answer.driver);
        const profileAt = answer.driver.races ? at : driver.races ? (known?.profileAt ?? 0) : 0;
        values[prefix + key] = { at, profileAt, answer: { driver } };
      }
    }
    await store.write(values);
    await trim(store, prefix, max);
  }

  async #fillFromKept(answers: Map<string, Answer>): Promise<void> {
    const missing = [...answers].filter(([, a]) => "problem" in a && a.problem === "unavailable").map(([key]) => key);
    if (!missing.length) return;
    const stored = await this.#kept.read(missing.map((key) => KEPT + key));
    for (const [key, value] of Object.entries(stored)) {
      const { at, answer } = value as Cached;
      if (!("driver" in answer) || this.#now() - at > KEPT_TTL) continue;
      const driver: Driver = { ...answer.driver, state: "kept", asOf: answer.driver.asOf ?? at };
      answers.set(key.slice(KEPT.length), { driver });
    }
  }
}
