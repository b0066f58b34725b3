/**
 * Loads the drivers of one page. Names that are wanted at about the same time go into one call, with other names of the
 * page added, so that a usual page needs one call only. Pending names are asked for again.
 */

import type { Answer } from "./model.ts";

/** A usual forum page has 30 comments and the opening post. */
const CALL_SIZE = 32;
/** Seconds before each new try for a pending name, if the backend names no time. */
const RETRY_AFTER = [1, 2, 4, 8, 15, 30];

interface Entry {
  name: string;
  answer: Answer | null;
  asked: boolean;
  /** How often it was asked for again. */
  tries: number;
}

type Ask = (names: string[], reload: boolean) => Promise<Record<string, Answer>>;

export class Loader {
  readonly #entries = new Map<string, Entry>();
  readonly #wanted = new Set<Entry>();
  readonly #ask: Ask;
  readonly #answered: (name: string, answer: Answer) => void;
  readonly #delay: number;
  #timer: ReturnType<typeof setTimeout> | undefined;

  /**
   * @param ask gets the answers for names; `reload`: not from a cache
   * @param answered is called with each answer
   * @param delay milliseconds for which wanted names are collected
   */
  constructor(ask: Ask, answered: (name: string, answer: Answer) => void, delay = 20) {
    this.#ask = ask;
    this.#answered = answered;
    this.#delay = delay;
  }

  /** Adds a name that is on the page. It is loaded when there is space in a call. */
  add(name: string): void {
    if (!this.#entries.has(name)) this.#entries.set(name, { name, answer: null, asked: false, tries: 0 });
  }

  /** Removes a name that has left the page, unless the backend was asked for it. */
  remove(name: string): void {
    if (!this.#entries.get(name)?.asked) this.#entries.delete(name);
  }

  answer(name: string): Answer | null {
    return this.#entries.get(name)?.answer ?? null;
  }

  /** Loads a name that the reader sees or will see soon. */
  load(name: string): void {
    this.add(name);
    const entry = this.#entries.get(name);
    if (!entry || entry.asked) return;
    entry.asked = true;
    this.#wanted.add(entry);
    this.#timer ??= setTimeout(() => this.#send(), this.#delay);
  }

  /** Loads a name again, now (the reader pressed a button). */
  async reload(name: string): Promise<void> {
    this.add(name);
    const entry = this.#entries.get(name);
    if (!entry) return;
    entry.asked = true;
    entry.tries = 0;
    await this.#call([entry], true);
  }

  /** Forgets all answers (the backend's address has changed). */
  clear(): void {
    this.#entries.clear();
    this.#wanted.clear();
  }

  #send(): void {
    this.#timer = undefined;
    const batch = [...this.#wanted];
    this.#wanted.clear();
    for (const entry of this.#entries.values()) {
      if (batch.length >= CALL_SIZE) break;
      if (entry.asked) continue;
      entry.asked = true;
      batch.push(entry);
    }
    void this.#call(batch, false);
  }

  async #call(batch: Entry[], reload: boolean): Promise<void> {
    let answers: Record<string, Answer>;
    try {
      answers = await this.#ask(
        batch.map((entry) => entry.name),
        reload,
      );
    } catch {
      answers = {};
    }
    const pending: Entry[] = [];
    let wait = 0;
    for (const entry of batch) {
      const answer = answers[entry.name] ?? { problem: "unavailable" as const, retryAfter: null };
      entry.answer = answer;
      this.#answered(entry.name, answer);
      const unfinished = "driver" in answer ? answer.driver.state === "partial" : answer.problem === "pending";
      const pause = RETRY_AFTER[entry.tries];
      if (!unfinished || pause === undefined) continue;
      entry.tries++;
      pending.push(entry);
      wait = Math.max(wait, "problem" in answer && answer.retryAfter ? answer.retryAfter : pause);
    }
    if (pending.length) setTimeout(() => void this.#call(pending, false), wait * 1000);
  }
}
