/** The reader's private notes and tags, by name key. They leave the browser only in an export. */

import { fields, text } from "./model.ts";
import { nameKey, tidyName } from "./names.ts";

export interface Note {
  text: string;
  tags: string[];
  /** The driver's name as it is written; without it only its key is known. */
  name?: string;
}

/** Notes from storage or an import. What is not a note is dropped. */
export function readNotes(stored: unknown): Record<string, Note> {
  const notes: Record<string, Note> = Object.create(null);
  for (const [name, value] of Object.entries(fields(stored)).slice(0, 5000)) {
    const raw = fields(value);
    const note: Note = {
      text: typeof raw.text === "string" ? raw.text.slice(0, 2000) : "",
      tags: (Array.isArray(raw.tags) ? raw.tags : [])
        .map((tag) => text(tag, 40))
        .filter(Boolean)
        .slice(0, 10),
    };
    const key = nameKey(tidyName(name));
    const written = tidyName(typeof raw.name === "string" ? raw.name : name);
    if (written !== key && nameKey(written) === key) note.name = written;
    if (key && (note.text || note.tags.length)) notes[key] = note;
  }
  return notes;
}

/** The note about a driver. A driver may be called `constructor`. */
export const noteOf = (notes: Record<string, Note>, name: string): Note | undefined =>
  Object.hasOwn(notes, nameKey(name)) ? notes[nameKey(name)] : undefined;

/** The notes with one changed. An empty note is removed. */
export function withNote(notes: Record<string, Note>, name: string, note: Note): Record<string, Note> {
  return readNotes({ ...notes, [nameKey(name)]: { ...note, name: note.name ?? name } });
}
