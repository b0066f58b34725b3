/** The reader's private notes and tags, by name key. They never leave the browser unless exported. */

import { text } from "./model.ts";
import { nameKey, tidyName } from "./names.ts";

export interface Note {
  text: string;
  tags: string[];
}

/** Notes from what was stored or imported; what is no note is dropped. */
export function readNotes(stored: unknown): Record<string, Note> {
  const notes: Record<string, Note> = {};
  if (typeof stored !== "object" || stored === null) return notes;
  for (const [name, value] of Object.entries(stored).slice(0, 5000)) {
    const raw = (typeof value === "object" && value !== null ? value : {}) as Partial<Record<keyof Note, unknown>>;
    const note: Note = {
      text: typeof raw.text === "string" ? raw.text.slice(0, 2000) : "",
      tags: (Array.isArray(raw.tags) ? raw.tags : [])
        .map((tag) => text(tag, 40))
        .filter(Boolean)
        .slice(0, 10),
    };
    const key = nameKey(tidyName(name));
    if (key && (note.text || note.tags.length)) notes[key] = note;
  }
  return notes;
}

/** The notes with one changed; an empty note is taken out. */
export function withNote(notes: Record<string, Note>, name: string, note: Note): Record<string, Note> {
  return readNotes({ ...notes, [nameKey(name)]: note });
}
