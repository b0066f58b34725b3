/** The card and what only it needs, in a script of its own: the page loads it when the reader opens a card. */

export { useLanguage, useMessages } from "../core/i18n.ts";
export { Card } from "../ui/card.ts";
