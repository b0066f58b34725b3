/**
 * Notes in the browser's synced storage: 100 kB in all, 8 kB an item. Of two versions of a note the later one wins; a
 * removed note stays as an empty entry for a while, so that the other browser removes it, too.
 */

import { fields } from "./model.ts";
import { type Note, noteOf, readNotes } from "./notes.ts";

export interface Entry {
  /** When it was changed, in milliseconds since 1970. */
  at: number;
  /** null: it was removed. */
  note: Note | null;
}
export type Entries = Record<string, Entry>;
export type Stamps = Record<string, number>;

/** Synced items have these names with a number. */
export const ITEM = "notes ";
const MOST_ITEMS = 12;
/** Bytes of an item's value; the browsers allow 8,192 with the name. */
const MOST_BYTES = 7500;
const REMOVED_KEPT = 90 * 24 * 3_600_000;

const none = (): Record<string, never> => Object.create(null);
const bytes = (text: string): number => new TextEncoder().encode(text).length;

/** The times of all notes after a change: those that differ were changed `now`. */
export function stamped(
  before: Record<string, Note>,
  after: Record<string, Note>,
  stamps: Stamps,
  now: number,
): Stamps {
  const changed = Object.assign(none(), stamps) as Stamps;
  for (const key of new Set([...Object.keys(before), ...Object.keys(after)]))
    if (JSON.stringify(noteOf(before, key)) !== JSON.stringify(noteOf(after, key))) changed[key] = now;
  return changed;
}

/** The notes with their times, and those that were removed lately. Notes from before the sync have time 1. */
export function entriesOf(notes: Record<string, Note>, stamps: Stamps, now: number): Entries {
  const entries: Entries = none();
  for (const [key, at] of Object.entries(stamps))
    if (!Object.hasOwn(notes, key) && now - at < REMOVED_KEPT) entries[key] = { at, note: null };
  for (const [key, note] of Object.entries(notes))
    entries[key] = { at: Object.hasOwn(stamps, key) ? (stamps[key] ?? 1) : 1, note };
  return entries;
}

/** Whether an entry replaces another. Of two of the same time all browsers must choose the same, or they never agree. */
const replaces = (a: Entry, b: Entry): boolean =>
  a.at > b.at || (a.at === b.at && JSON.stringify(a.note) > JSON.stringify(b.note));

/** The later of each. */
export function merged(mine: Entries, theirs: Entries): Entries {
  const all: Entries = Object.assign(none(), mine);
  for (const [key, entry] of Object.entries(theirs)) {
    const known = Object.hasOwn(all, key) ? all[key] : undefined;
    if (!known || replaces(entry, known)) all[key] = entry;
  }
  return all;
}

/** Items for the synced storage; null: the notes are more than fit. */
export function packed(entries: Entries): Record<string, string> | null {
  const items: string[] = [];
  let part: Entries = none();
  for (const [key, entry] of Object.entries(entries).sort(([a], [b]) => (a < b ? -1 : 1))) {
    const longer = Object.assign(none(), part, { [key]: entry }) as Entries;
    // the item is a text, whose quotes the browser escapes once more
    if (bytes(JSON.stringify(JSON.stringify(longer))) <= MOST_BYTES) part = longer;
    else {
      items.push(JSON.stringify(part));
      part = Object.assign(none(), { [key]: entry });
    }
  }
  items.push(JSON.stringify(part));
  const fits = items.length <= MOST_ITEMS && items.every((item) => bytes(JSON.stringify(item)) <= 8000);
  return fits ? Object.fromEntries(items.map((item, i) => [ITEM + i, item])) : null;
}

/** What is in the synced storage. Items of another shape are left out. */
export function unpacked(items: Record<string, unknown>): Entries {
  const all: Entries = none();
  for (const [name, value] of Object.entries(items)) {
    if (!name.startsWith(ITEM) || typeof value !== "string") continue;
    let part: unknown;
    try {
      part = JSON.parse(value);
    } catch {
      continue;
    }
    for (const [key, raw] of Object.entries(fields(part))) {
      const { at, note } = fields(raw);
      if (typeof at !== "number" || !Number.isFinite(at)) continue;
      const read = noteOf(readNotes({ [key]: note }), key) ?? null;
      if (read || note === null) all[key] = { at, note: read };
    }
  }
  return all;
}

/** The notes of entries, and their times. */
export function notesOf(entries: Entries): { notes: Record<string, Note>; stamps: Stamps } {
  const notes: Record<string, Note> = none();
  const stamps: Stamps = none();
  for (const [key, { at, note }] of Object.entries(entries)) {
    if (note) notes[key] = note;
    stamps[key] = at;
  }
  return { notes, stamps };
}
