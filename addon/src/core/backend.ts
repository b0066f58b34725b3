/**
 * Asks a Pitboard backend, politely: answers are kept for a while, a name under way is not asked twice, at most 50
 * names go in one call, and after a failure the backend is left alone for as long as it asked or for a growing time.
 * Runs in the extension's background, or inside the userscript.
 */

import { type Answer, type Driver, type History, parseAnswer, parseHistory } from "./model.ts";
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
export interface Shelf {
  read(keys: string[]): Promise<Record<string, unknown>>;
  write(values: Record<string, unknown>): Promise<void>;
  remove(keys: string[]): Promise<void>;
  keys(): Promise<string[]>;
}

export const MAX_NAMES = 50;
const MAX_QUERY = 6000;
const MINUTE = 60_000;
const FRESH_FOR = 15 * MINUTE;
const UNKNOWN_FOR = 30 * MINUTE;
const KEPT_FOR = 7 * 24 * 60 * MINUTE;
const KEPT_DRIVERS = 400;
const LONGEST_PAUSE = 5 * MINUTE;

interface Kept {
  at: number;
  answer: Answer;
}

/** Until when the backend is left alone; `told`: it asked for that itself. */
interface Pause {
  until: number;
  failures: number;
  told: boolean;
}

class Failure extends Error {
  constructor(readonly retryAfter: number | null) {
    super("backend failed");
  }
}

/** Names in groups that fit one call. */
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

export const driversUrl = (backend: string, names: readonly string[]): string =>
  `${backend}/drivers?names=${names.map(encodeURIComponent).join(",")}`;

export class Backend {
  readonly #underWay = new Map<string, Promise<Answer>>();
  readonly #address: () => Promise<string>;
  readonly #get: Get;
  readonly #session: Shelf;
  readonly #kept: Shelf;
  readonly #now: () => number;

  /**
   * @param session answers of this browser session, by name key
   * @param kept the last good answer for each driver, for the days when the backend is away
   */
  constructor(address: () => Promise<string>, get: Get, session: Shelf, kept: Shelf, now: () => number = Date.now) {
    this.#address = address;
    this.#get = get;
    this.#session = session;
    this.#kept = kept;
    this.#now = now;
  }

  /** An answer for each name, keyed as asked. `again` asks even what is kept from this session. */
  async drivers(names: readonly string[], again = false): Promise<Record<string, Answer>> {
    const wanted = new Map(names.map((name) => [name, tidyName(name)]));
    const known = again ? new Map<string, Answer>() : await this.#remembered([...wanted.values()]);
    const missing = [...new Set(wanted.values())].filter(
      (name) => name && !known.has(nameKey(name)) && !this.#underWay.has(nameKey(name)),
    );
    for (const group of chunks(missing)) this.#start(group, again);
    const answers = [...wanted].map(async ([asked, name]): Promise<[string, Answer]> => {
      const answer = known.get(nameKey(name)) ?? (await this.#underWay.get(nameKey(name)));
      return [asked, answer ?? { problem: "invalid_name", retryAfter: null }];
    });
    return Object.fromEntries(await Promise.all(answers));
  }

  /** Ratings over time. Rejects when there is no usable answer. */
  async history(custId: number, category: string, kind: string): Promise<History> {
    const key = `history ${custId} ${category} ${kind}`;
    const stored = (await this.#session.read([key]))[key] as { at: number; history: History } | undefined;
    if (stored && this.#now() - stored.at < FRESH_FOR) return stored.history;
    const query = new URLSearchParams({ category, kind });
    const history = parseHistory(await this.#json(`${await this.#address()}/drivers/${custId}/history?${query}`));
    await this.#session.write({ [key]: { at: this.#now(), history } });
    return history;
  }

  /** Forgets answers of this session (after the backend's address changed). */
  async forget(): Promise<void> {
    await this.#session.remove(await this.#session.keys());
  }

  async #remembered(names: string[]): Promise<Map<string, Answer>> {
    const stored = await this.#session.read(names.map((name) => `driver ${nameKey(name)}`));
    const found = new Map<string, Answer>();
    for (const [key, value] of Object.entries(stored)) {
      const { at, answer } = value as Kept;
      if (this.#now() - at < ("driver" in answer ? FRESH_FOR : UNKNOWN_FOR)) found.set(key.slice(7), answer);
    }
    return found;
  }

  #start(group: string[], pressed: boolean): void {
    const all = this.#ask(group, pressed);
    for (const name of group) {
      const key = nameKey(name);
      const one = all.then((answers): Answer => answers.get(key) ?? { problem: "unavailable", retryAfter: null });
      this.#underWay.set(key, one);
      const done = () => this.#underWay.delete(key);
      one.then(done, done);
    }
  }

  async #ask(group: string[], pressed: boolean): Promise<Map<string, Answer>> {
    const answers = new Map<string, Answer>();
    try {
      const body = await this.#json(driversUrl(await this.#address(), group), pressed);
      const byKey = new Map(Object.entries(body).map(([name, value]) => [nameKey(tidyName(name)), value]));
      for (const name of group) answers.set(nameKey(name), parseAnswer(byKey.get(nameKey(name)), this.#now()));
      await this.#remember(answers);
    } catch (error) {
      const retryAfter = error instanceof Failure ? error.retryAfter : null;
      for (const name of group) answers.set(nameKey(name), { problem: "unavailable", retryAfter });
    }
    await this.#fillFromKept(answers);
    return answers;
  }

  /**
   * The JSON object at an address; a `Failure` when there is none or the backend is to be left alone. A reader who
   * `pressed` a button may cut our own pause short, but not one that the backend asked for.
   */
  async #json(url: string, pressed = false): Promise<Record<string, unknown>> {
    const pause = await this.#pause();
    const left = pause.until - this.#now();
    if (left > 0 && !(pressed && !pause.told)) throw new Failure(Math.ceil(left / 1000));
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
      // not JSON: somebody else's server, or a proxy's error page
    }
    throw new Failure(null);
  }

  /** The pause in force. In the session's shelf, because a browser puts the background to sleep at any time. */
  async #pause(): Promise<Pause> {
    const stored = (await this.#session.read(["pause"])).pause as Pause | undefined;
    return stored ?? { until: 0, failures: 0, told: false };
  }

  async #failed(failures: number, retryAfter: number | null): Promise<Failure> {
    const grown = Math.min(LONGEST_PAUSE, 2000 * 2 ** failures);
    const wait = retryAfter === null ? grown : Math.min(retryAfter * 1000, 60 * MINUTE);
    const pause: Pause = { until: this.#now() + wait, failures: failures + 1, told: retryAfter !== null };
    await this.#session.write({ pause });
    return new Failure(Math.ceil(wait / 1000));
  }

  async #remember(answers: Map<string, Answer>): Promise<void> {
    const session: Record<string, unknown> = {};
    const kept: Record<string, unknown> = {};
    for (const [key, answer] of answers) {
      const final = "driver" in answer ? answer.driver.state !== "partial" : answer.problem === "not_found";
      if (final) session[`driver ${key}`] = { at: this.#now(), answer };
      if (final && "driver" in answer) kept[`kept ${key}`] = { at: this.#now(), answer };
    }
    await this.#session.write(session);
    if (Object.keys(kept).length) {
      await this.#kept.write(kept);
      await this.#trim();
    }
  }

  async #fillFromKept(answers: Map<string, Answer>): Promise<void> {
    const away = [...answers].filter(([, a]) => "problem" in a && a.problem === "unavailable").map(([key]) => key);
    if (!away.length) return;
    const stored = await this.#kept.read(away.map((key) => `kept ${key}`));
    for (const [key, value] of Object.entries(stored)) {
      const { at, answer } = value as Kept;
      if (!("driver" in answer) || this.#now() - at > KEPT_FOR) continue;
      const driver: Driver = { ...answer.driver, state: "kept", asOf: answer.driver.asOf ?? at };
      answers.set(key.slice(5), { driver });
    }
  }

  async #trim(): Promise<void> {
    const keys = (await this.#kept.keys()).filter((key) => key.startsWith("kept "));
    if (keys.length <= KEPT_DRIVERS) return;
    const stored = Object.entries(await this.#kept.read(keys)) as [string, Kept][];
    stored.sort((a, b) => a[1].at - b[1].at);
    await this.#kept.remove(stored.slice(0, keys.length - KEPT_DRIVERS + 50).map(([key]) => key));
  }
}
