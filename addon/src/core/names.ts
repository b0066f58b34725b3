/** Names in the forum: which texts are one, and when two are the same. */

/** "Loading" is what the forum's lazy loader writes into a link. */
const NOBODY = new Set(["unknown", "deleted user", "[deleted user]", "[deleted]", "guest", "system", "loading"]);

/** Without `\p{Cc}`: classes of Unicode take a fifth of a millisecond when they are first used. */
const CONTROL = /[^ -~\u00a0-\uffff]/;

const tidied = new Map<string, string>();

/** A name as the backend is asked for it (NFC, single spaces), or "" if the text is not the name of a person. */
export function tidyName(raw: string | null | undefined): string {
  if (!raw) return "";
  const known = tidied.get(raw);
  if (known !== undefined) return known;
  if (tidied.size > 1000) tidied.clear();
  const name = tidy(raw);
  tidied.set(raw, name);
  return name;
}

function tidy(raw: string): string {
  const name = raw
    .normalize("NFC")
    .replace(/[\s\u00a0]+/g, " ")
    .trim()
    .replace(/^@/, "");
  if (name.length < 2 || name.length > 100 || NOBODY.has(name.toLowerCase())) return "";
  return CONTROL.test(name) ? "" : name;
}

/** The same for all spellings of a person's name. */
export const nameKey = (name: string): string => name.toLowerCase();

/**
 * What a profile address may mean: the name in it as it is, and decoded once and twice, because the forum encodes a slash
 * or an ampersand twice. Empty: an address with an id alone, or none of a profile.
 */
function meanings(href: string): string[] {
  const written = PROFILE.exec(href)?.[1];
  if (!written || /^\d+$/.test(written)) return [];
  const found = [written];
  for (let round = 0; round < 2; round++) {
    try {
      found.push(decodeURIComponent(found.at(-1) ?? ""));
    } catch {
      break;
    }
  }
  return found.map(tidyName);
}

/** `/profile/Name`, `/profile/ID/Name` or `/profile/ID`, and not a page below that. */
const PROFILE = /\/profile\/(?:\d+\/)?([^/?#]+)\/?(?:[?#]|$)/;

/** The name in a profile address; "" if there is none. */
export const nameFromHref = (href: string): string => meanings(href).at(-1) ?? "";

/**
 * The name that a link to a profile stands for: address and text must agree, or the text has the name and more, or it is
 * a lazy loader's. "" if the link means something else.
 */
export function linkedName(href: string, text: string): string {
  const written = tidyName(text);
  const meant = meanings(href);
  if (!meant.length) return PROFILE.test(href) ? written : "";
  if (meant.some((name) => nameKey(name) === nameKey(written))) return written;
  const name = meant.at(-1) ?? "";
  return nameKey(written).includes(nameKey(name)) || isLoader(text) ? name : "";
}

const isLoader = (text: string): boolean => text.trim().toLowerCase() === "loading";
