/** A script of the userscript, so that the first stays small: the options dialog and all translations. */

export { default as messages } from "virtual:messages";
export { openDialog } from "../options/dialog.ts";
