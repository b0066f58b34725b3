/** A script of the userscript: the card, and the dialog of notes and tags. */

export { openNotes } from "../options/notes_dialog.ts";
export * from "./card.ts";
