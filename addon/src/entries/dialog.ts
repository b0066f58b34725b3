/** The userscript's second script, so that the first stays small: the options dialog, the card's style sheet, all translations. */

export { default as messages } from "virtual:messages";
export { openDialog } from "../options/dialog.ts";
export { default as cardCss } from "../ui/card.css";
