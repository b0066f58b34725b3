/**
 * Loads the drivers of one page. Names that are wanted at about the same time go into one call. Its first call does not
 * wait for anybody, so that who is known is shown at once; those who are not are asked for again at once, with time.
 */

import { type Answer, type Asking, isPutOff, isTrouble, isUnfinished, merged, type Trouble } from "./model.ts";

/** A usual forum page has 30 comments and the opening post. */
const CALL_SIZE = 32;
/** Seconds before each new try for an unfinished answer, if the backend names no time. */
const RETRY_AFTER = [1, 2, 4, 8, 15, 30];
/** Milliseconds after which drivers from the index are asked for once more: the backend needs that to renew them. */
const INDEX_DELAY = 3000;
/** Seconds until a page asks again after the backend could not be used: they double with each failure. */
const RECOVERY = { first: 3, longest: 60 };
const RECOVERY_SIZE = 50;
/** How many names that have left the page keep their answers: those of the last three pages. Rows may come back. */
const MOST_LEFT = 100;

const NO_ANSWER: Answer = { problem: "unavailable", retryAfter: null };

interface Entry {
  name: string;
  answer: Answer | null;
  /** What the backend was asked for. */
  asked: "" | "licences" | "profile";
  /** How often it was asked for again. */
  tries: number;
  /** Whether it was asked for once more after an answer from the index. */
  renewed: boolean;
}

/** Names to ask for again, after so many seconds. */
interface Again {
  entries: Entry[];
  wait: number;
}

interface Page {
  /** Gets the answers for names. */
  ask(names: string[], asking: Asking): Promise<Record<string, Answer>>;
  /** Is called with each name that has a new answer. */
  answered(name: string): void;
  /** Whether the lines show what only a profile has. Then only those in view are asked for. */
  profiles(): boolean;
  /** Resolves when the reader can see the page. */
  visible(): Promise<void>;
  /** Is called after each call: why the page has names without an answer, or null; seconds until the backend is asked again. */
  trouble(trouble: Trouble | null, retryAfter: number): void;
}

export class Loader {
  readonly #entries = new Map<string, Entry>();
  readonly #wanted = new Set<Entry>();
  readonly #indexed = new Set<Entry>();
  /** Names that have left the page and still have an entry; the last are the newest. */
  readonly #left = new Set<string>();
  readonly #page: Page;
  readonly #delay: number;
  #timer: ReturnType<typeof setTimeout> | undefined;
  #recovery: ReturnType<typeof setTimeout> | undefined;
  #failures = 0;
  readonly #recovering = new Set<Entry>();

  /** @param delay milliseconds for which wanted names are collected */
  constructor(page: Page, delay = 20) {
    this.#page = page;
    this.#delay = delay;
  }

  /** Adds a name that is on the page. It is loaded when there is space in a call. */
  add(name: string): void {
    this.#left.delete(name);
    this.#entry(name);
  }

  /** Removes a name that has left the page. Answers are kept for the names that were the last to leave. */
  remove(name: string): void {
    if (!this.#entries.get(name)?.asked) {
      this.#entries.delete(name);
      return;
    }
    this.#left.add(name);
    const [oldest] = this.#left;
    if (oldest === undefined || this.#left.size <= MOST_LEFT) return;
    this.#left.delete(oldest);
    this.#entries.delete(oldest);
  }

  answer(name: string): Answer | null {
    return this.#entries.get(name)?.answer ?? null;
  }

  /** Loads a name that the reader sees or will see soon. */
  load(name: string): void {
    const entry = this.#entry(name);
    if (entry.asked === "profile" || (entry.asked && !this.#page.profiles())) return;
    entry.asked = "licences";
    this.#wanted.add(entry);
    this.#timer ??= setTimeout(() => this.#send(), this.#delay);
  }

  /** Loads the profile of a name whose card the reader opens, unless it is known or was asked for. */
  async loadProfile(name: string): Promise<void> {
    const entry = this.#entry(name);
    if (entry.asked !== "profile" && !hasProfile(entry)) await this.#call([entry], { profile: true });
  }

  /** Whether the profile of a name was asked for and can still come. */
  isLoading(name: string): boolean {
    return this.#entry(name).asked === "profile";
  }

  /** Loads a name again, now (the reader pressed a button). */
  async reload(name: string): Promise<void> {
    const entry = this.#entry(name);
    entry.tries = 0;
    await this.#call([entry], { profile: entry.asked === "profile" || hasProfile(entry), reload: true });
  }

  /** Asks again for all names that the backend could not be asked for (the reader pressed a button). */
  retryAll(): void {
    this.#failures = 0;
    this.#recover(true);
  }

  /** Forgets all answers (the backend's address has changed). */
  clear(): void {
    this.#entries.clear();
    this.#wanted.clear();
    this.#indexed.clear();
    this.#left.clear();
    this.#failures = 0;
  }

  #entry(name: string): Entry {
    let entry = this.#entries.get(name);
    if (!entry) {
      entry = { name, answer: null, asked: "", tries: 0, renewed: false };
      this.#entries.set(name, entry);
    }
    return entry;
  }

  #send(): void {
    this.#timer = undefined;
    const batch = [...this.#wanted];
    this.#wanted.clear();
    const profile = this.#page.profiles();
    for (const entry of profile ? [] : this.#entries.values()) {
      if (batch.length >= CALL_SIZE) break;
      if (!entry.asked) batch.push(entry);
      entry.asked ||= "licences";
    }
    void this.#call(batch, { profile, now: true });
  }

  async #call(batch: Entry[], asking: Asking): Promise<void> {
    for (const entry of batch) entry.asked = asking.profile ? "profile" : entry.asked || "licences";
    const answers = await this.#page
      .ask(
        batch.map((entry) => entry.name),
        asking,
      )
      .catch((): Record<string, Answer> => ({}));
    const { profile } = asking;
    const unfinished: Again = { entries: [], wait: 0 };
    const putOff: Again = { entries: [], wait: 0 };
    for (const entry of batch) {
      this.#recovering.delete(entry);
      const answer = (Object.hasOwn(answers, entry.name) && answers[entry.name]) || NO_ANSWER;
      this.#take(entry, answer);
      const again = isPutOff(answer) ? putOff : unfinished;
      const pause = asking.now && again === unfinished ? 0 : RETRY_AFTER[entry.tries];
      if (again === unfinished && !isUnfinished(answer, profile)) this.#renewLater(entry);
      else if (pause !== undefined) {
        if (pause) entry.tries++;
        again.entries.push(entry);
        again.wait = Math.max(again.wait, (pause && "problem" in answer && answer.retryAfter) || pause);
      }
    }
    this.#watch(batch);
    void this.#askAgain(putOff, profile);
    await this.#askAgain(unfinished, profile);
  }

  async #askAgain({ entries, wait }: Again, profile?: boolean): Promise<void> {
    if (!entries.length) return;
    if (!wait) return this.#call(entries, { profile });
    setTimeout(() => this.#whenVisible(() => this.#call(entries, { profile })), wait * 1000);
  }

  /** A driver stays when there is no answer to a new question about it, or one without the profile that is known. */
  #take(entry: Entry, answer: Answer): void {
    const known = entry.answer && "driver" in entry.answer ? entry.answer.driver : undefined;
    if ("driver" in answer) entry.answer = { driver: merged(known, answer.driver) };
    else if (!known || answer.problem === "not_found" || answer.problem === "withheld") entry.answer = answer;
    const failed =
      "driver" in answer
        ? answer.driver.state === "kept"
        : known && (answer.problem === "unavailable" || isTrouble(answer.problem));
    if (failed) entry.asked = "licences";
    this.#page.answered(entry.name);
  }

  #renewLater(entry: Entry): void {
    if (entry.renewed || !isFromIndex(entry)) return;
    entry.renewed = true;
    if (!this.#indexed.size) setTimeout(() => this.#whenVisible(() => this.#renew()), INDEX_DELAY);
    this.#indexed.add(entry);
  }

  #renew(): void {
    const batch = [...this.#indexed].filter(isFromIndex);
    this.#indexed.clear();
    if (batch.length) void this.#call(batch, {});
  }

  /** Tells the page whether the backend could be used, and asks again later if not. */
  #watch(batch: Entry[]): void {
    const lost = [...this.#entries.values()].filter(isLost);
    const problems = lost.flatMap(({ answer }) => (answer && "problem" in answer ? answer : []));
    const worst = problems.find(({ problem }) => problem === "forbidden") ?? problems[0];
    this.#page.trouble(worst && isTrouble(worst.problem) ? worst.problem : null, worst?.retryAfter ?? 0);
    if (!batch.some(isLost)) {
      this.#failures = 0;
      if (lost.length) this.#recover();
      return;
    }
    if (this.#recovery) return;
    const pause = Math.min(RECOVERY.longest, RECOVERY.first * 2 ** this.#failures++);
    const wait = Math.max(pause, worst?.retryAfter ?? 0);
    this.#recovery = setTimeout(() => this.#whenVisible(() => this.#recover()), wait * 1000);
  }

  #recover(reload = false): void {
    clearTimeout(this.#recovery);
    this.#recovery = undefined;
    const lost = [...this.#entries.values()].filter((entry) => isLost(entry) && !this.#recovering.has(entry));
    const profile = this.#page.profiles();
    for (let i = 0; i < lost.length; i += RECOVERY_SIZE) {
      const batch = lost.slice(i, i + RECOVERY_SIZE);
      for (const entry of batch) this.#recovering.add(entry);
      void this.#call(batch, { profile, now: true, ...(reload && { reload }) });
    }
  }

  #whenVisible(run: () => unknown): void {
    void this.#page.visible().then(run);
  }
}

/** Whether the backend could not be asked for this name: it has no answer, or one that we have kept. */
const isLost = ({ answer }: Entry): boolean =>
  !!answer && ("driver" in answer ? answer.driver.state === "kept" : isTrouble(answer.problem));
const hasProfile = ({ answer }: Entry): boolean => !!answer && "driver" in answer && answer.driver.races !== null;
const isFromIndex = ({ answer }: Entry): boolean => !!answer && "driver" in answer && answer.driver.state === "index";
