/**
 * Answers in one of the browser's stores. A shelf has bounds, and no trouble of the store is an error: what cannot be read
 * is not there, and what cannot be written is asked for again.
 */

import { fields } from "./model.ts";

/** A small key-value store. Values are JSON. */
export interface Store {
  read(keys: string[]): Promise<Record<string, unknown>>;
  write(values: Record<string, unknown>): Promise<void>;
  remove(keys: string[]): Promise<void>;
  keys(): Promise<string[]>;
}

/** What a shelf holds. `at`: when it came, in milliseconds since 1970. */
interface Item {
  at: number;
}

/** It is raised when what is stored gets another form: older entries are then not read. */
const FORM = 1;

export class Shelf<T extends Item> {
  readonly #store: Store;
  readonly #prefix: string;
  readonly #most: number;
  readonly #largest: number;
  readonly #isFit: (entry: Record<string, unknown>) => boolean;

  /**
   * @param most how many entries the shelf has at most
   * @param largest characters (JSON) of an entry; a larger one is not stored
   * @param isFit whether what was stored is an entry: other scripts may write into some stores
   */
  constructor(
    store: Store,
    prefix: string,
    [most, largest]: [number, number],
    isFit: (entry: Record<string, unknown>) => boolean,
  ) {
    this.#store = store;
    this.#prefix = `${prefix} `;
    this.#most = most;
    this.#largest = largest;
    this.#isFit = isFit;
  }

  /** The entries that are there, by key. */
  async get(keys: string[]): Promise<Map<string, T>> {
    const found = new Map<string, T>();
    try {
      const stored = await this.#store.read(keys.map((key) => this.#prefix + key));
      for (const key of keys) {
        const name = this.#prefix + key;
        const entry = Object.hasOwn(stored, name) ? fields(stored[name]) : {};
        if (entry.form === FORM && typeof entry.at === "number" && this.#isFit(entry))
          found.set(key, entry as unknown as T);
      }
    } catch {
      // a store that cannot be read is empty
    }
    return found;
  }

  /** Adds or replaces entries. If the store is full, the older half of the shelf makes room. */
  async put(entries: Map<string, T>): Promise<void> {
    const values: Record<string, unknown> = {};
    for (const [key, entry] of entries) {
      const value = { ...entry, form: FORM };
      if (JSON.stringify(value).length <= this.#largest) values[this.#prefix + key] = value;
    }
    try {
      await this.#store.write(values).catch(async () => {
        await this.#trim(this.#most / 2);
        await this.#store.write(values);
      });
      await this.#trim(this.#most);
    } catch {
      // no room: it is asked for again
    }
  }

  /** Takes entries away. */
  async drop(keys: Iterable<string>): Promise<void> {
    await this.#store.remove([...keys].map((key) => this.#prefix + key)).catch(() => {});
  }

  /** Removes the oldest of more than `most` entries, and some more, so that it does not happen at every call. */
  async #trim(most: number): Promise<void> {
    const keys = (await this.#store.keys()).filter((key) => key.startsWith(this.#prefix));
    if (keys.length <= most) return;
    const stored = await this.#store.read(keys);
    const age = (key: string) => Number(fields(stored[key]).at) || 0;
    const oldest = keys.sort((a, b) => age(a) - age(b));
    await this.#store.remove(oldest.slice(0, Math.ceil(keys.length - most * 0.7)));
  }
}
