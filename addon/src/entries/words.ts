/** The messages of the extension's pages in all languages, so that the script of each page stays small. */

export { default as messages } from "virtual:messages";
