/** What the addon needs from where it runs: an extension or a userscript manager. */

import type { Answer, Asking, History, Results } from "../core/model.ts";
import type { Note } from "../core/notes.ts";
import type { Options } from "../core/options.ts";

/** Where the flag of a country code is in the picture of all flags, as styles; null: there is none. */
export type Flags = (code: string) => { backgroundImage: string; backgroundPosition: string } | null;

export interface Platform {
  /** Whether the extension was updated after the page was loaded: then only a new page can do something. */
  isOutdated?(): boolean;
  /** An answer for each name. */
  drivers(names: string[], asking: Asking): Promise<Record<string, Answer>>;
  history(custId: number, category: string, kind: string): Promise<History>;
  /** The last official races. `me`: the reader's name, "" if it is not known. */
  races(custId: number, me: string): Promise<Results>;
  options(): Promise<Options>;
  onOptions(changed: (options: Options) => void): void;
  notes(): Promise<Record<string, Note>>;
  saveNote(name: string, note: Note): Promise<void>;
  onNotes(changed: (notes: Record<string, Note>) => void): void;
  hideDriver(name: string): Promise<void>;
  /** @param allow asks for the permission to use the backend's address */
  openOptions(allow?: boolean): void;
  flags: Flags | null;
  /** Loads the card's script, and gives what it exports. Rejects when that is not possible. */
  loadCard(): Promise<unknown>;
}
