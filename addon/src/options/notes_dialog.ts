/** The notes and tags in a dialog over the page, for the userscript. */

import { t } from "../core/i18n.ts";
import type { Options } from "../core/options.ts";
import { button } from "../ui/h.ts";
import { openedDialog } from "./frame.ts";
import notesCss from "./notes.css";
import { NotesPage, type NotesPlatform } from "./notes.ts";

/** Opens the notes and tags, unless a dialog is open. */
export async function openNotes(language: Options["language"], platform: NotesPlatform): Promise<void> {
  const [dialog, main] = (await openedDialog(language, notesCss)) ?? [];
  if (!dialog || !main) return;
  new NotesPage(main, platform);
  main.prepend(button({ class: "shut", onclick: () => dialog.close() }, t("close")));
  dialog.showModal();
}
