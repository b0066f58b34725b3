/** A script of the userscript, so that the first stays small: the options dialog, the backend's client and all translations. */

export { default as messages } from "virtual:messages";
export { Backend } from "../core/backend.ts";
export { openDialog } from "../options/dialog.ts";
