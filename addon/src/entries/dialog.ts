/** The userscript's second script: the options dialog, so that the first script stays small. */

export { openDialog } from "../options/dialog.ts";
