/** Keeps this browser's notes and the synced ones equal, while the reader wants that. Runs in the background. */

import { entriesOf, ITEM, merged, notesOf, packed, type Stamps, stamped, unpacked } from "../core/note_sync.ts";
import { type Note, readNotes } from "../core/notes.ts";

interface Area {
  get(keys: string[] | null): Promise<Record<string, unknown>>;
  set(values: Record<string, unknown>): Promise<void>;
  remove(keys: string[]): Promise<void>;
}

/** Where the times of the notes are, and whether they were too many for the synced storage. */
const STAMPS = "notes at";
export const FULL = "notes full";

export class NoteSync {
  readonly #local: Area;
  readonly #sync: Area;
  readonly #wanted: () => Promise<boolean>;
  readonly #now: () => number;
  /** One run after the other. */
  #last: Promise<unknown> = Promise.resolve();
  /** The notes that a run has written: no change of the reader's. */
  #written = "";

  constructor(local: Area, sync: Area, wanted: () => Promise<boolean>, now: () => number = Date.now) {
    this.#local = local;
    this.#sync = sync;
    this.#wanted = wanted;
    this.#now = now;
  }

  /** The notes of this browser have changed. */
  changed(before: unknown, after: unknown): Promise<unknown> {
    const notes = readNotes(after);
    if (JSON.stringify(notes) === this.#written) return this.#last;
    this.#last = this.#last.then(() => this.#stamp(readNotes(before), notes)).catch(() => {});
    return this.run();
  }

  /** Merges both sides, and writes what differs. */
  run(): Promise<unknown> {
    this.#last = this.#last.then(() => this.#run()).catch(() => {});
    return this.#last;
  }

  async #stamp(before: Record<string, Note>, after: Record<string, Note>): Promise<void> {
    const stored = (await this.#local.get([STAMPS]))[STAMPS] as Stamps | undefined;
    await this.#local.set({ [STAMPS]: stamped(before, after, stored ?? {}, this.#now()) });
  }

  async #run(): Promise<void> {
    if (!(await this.#wanted())) return;
    const local = await this.#local.get(["notes", STAMPS, FULL]);
    const synced = await this.#sync.get(null);
    const mine = readNotes(local.notes);
    const all = merged(entriesOf(mine, (local[STAMPS] ?? {}) as Stamps, this.#now()), unpacked(synced));
    const { notes, stamps } = notesOf(all);
    if (JSON.stringify(notes) !== JSON.stringify(mine)) {
      this.#written = JSON.stringify(readNotes(notes));
      await this.#local.set({ [STAMPS]: stamps, notes });
    }
    const items = packed(all);
    if (Boolean(local[FULL]) !== !items) await this.#local.set({ [FULL]: !items });
    if (!items) return;
    const changed = Object.entries(items).filter(([name, item]) => synced[name] !== item);
    if (changed.length) await this.#sync.set(Object.fromEntries(changed));
    const gone = Object.keys(synced).filter((name) => name.startsWith(ITEM) && !(name in items));
    if (gone.length) await this.#sync.remove(gone);
  }
}
