/**
 * The names of one page: gathers those that are wanted into one call, tops it up with others of the page so that a
 * usual page needs one call only, and asks again for what was pending.
 */

import type { Answer } from "./model.ts";

/** A usual forum page has 30 posts and the opening one. */
const PAGE = 32;
const AGAIN = [1, 2, 4, 8, 15, 30];

interface Entry {
  name: string;
  answer: Answer | null;
  asked: boolean;
  tries: number;
}

export class Roster {
  readonly #entries = new Map<string, Entry>();
  readonly #wanted = new Set<Entry>();
  readonly #ask: (names: string[], again: boolean) => Promise<Record<string, Answer>>;
  readonly #tell: (name: string, answer: Answer) => void;
  readonly #delay: number;
  #timer: ReturnType<typeof setTimeout> | undefined;

  /** @param delay milliseconds for which wanted names are gathered */
  constructor(
    ask: (names: string[], again: boolean) => Promise<Record<string, Answer>>,
    tell: (name: string, answer: Answer) => void,
    delay = 20,
  ) {
    this.#ask = ask;
    this.#tell = tell;
    this.#delay = delay;
  }

  /** A name that is on the page somewhere. */
  add(name: string): void {
    if (!this.#entries.has(name)) this.#entries.set(name, { name, answer: null, asked: false, tries: 0 });
  }

  /** A name that has left the page: it is not asked for any more, unless that has happened already. */
  drop(name: string): void {
    if (!this.#entries.get(name)?.asked) this.#entries.delete(name);
  }

  answer(name: string): Answer | null {
    return this.#entries.get(name)?.answer ?? null;
  }

  /** A name that the reader sees or is about to see. */
  want(name: string): void {
    this.add(name);
    const entry = this.#entries.get(name);
    if (!entry || entry.asked) return;
    entry.asked = true;
    this.#wanted.add(entry);
    this.#timer ??= setTimeout(() => this.#send(), this.#delay);
  }

  /** Asks once more now, whatever is known (the reader pressed retry or refresh). */
  async again(name: string): Promise<void> {
    this.add(name);
    const entry = this.#entries.get(name);
    if (!entry) return;
    entry.asked = true;
    entry.tries = 0;
    await this.#call([entry], true);
  }

  /** Forgets all answers (another backend is asked from now on). */
  clear(): void {
    this.#entries.clear();
    this.#wanted.clear();
  }

  #send(): void {
    this.#timer = undefined;
    const batch = [...this.#wanted];
    this.#wanted.clear();
    for (const entry of this.#entries.values()) {
      if (batch.length >= PAGE) break;
      if (entry.asked) continue;
      entry.asked = true;
      batch.push(entry);
    }
    void this.#call(batch, false);
  }

  async #call(batch: Entry[], again: boolean): Promise<void> {
    let answers: Record<string, Answer>;
    try {
      answers = await this.#ask(
        batch.map((entry) => entry.name),
        again,
      );
    } catch {
      answers = {};
    }
    const later: Entry[] = [];
    let wait = 0;
    for (const entry of batch) {
      const answer = answers[entry.name] ?? { problem: "unavailable" as const, retryAfter: null };
      entry.answer = answer;
      this.#tell(entry.name, answer);
      const unfinished = "driver" in answer ? answer.driver.state === "partial" : answer.problem === "pending";
      const pause = AGAIN[entry.tries];
      if (!unfinished || pause === undefined) continue;
      entry.tries++;
      later.push(entry);
      wait = Math.max(wait, "problem" in answer && answer.retryAfter ? answer.retryAfter : pause);
    }
    if (later.length) setTimeout(() => void this.#call(later, false), wait * 1000);
  }
}
