/** Names in the forum: which texts are one, and when two are the same. */

const NOBODY = new Set(["unknown", "deleted user", "[deleted user]", "[deleted]", "guest", "system"]);

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
  return /\p{Cc}/u.test(name) ? "" : name;
}

/** The same for all spellings of a person's name. */
export const nameKey = (name: string): string => name.toLowerCase();

/**
 * The name in a profile address: `/profile/Name` or `/profile/ID/Name`; "" if there is none. The forum encodes a slash
 * or an ampersand twice.
 */
export function nameFromHref(href: string): string {
  const match = /\/profile\/(?:\d+\/)?([^/?#]+)/.exec(href);
  if (!match?.[1]) return "";
  let name = match[1];
  for (let round = 0; round < 2 && name.includes("%"); round++) {
    try {
      name = decodeURIComponent(name);
    } catch {
      break;
    }
  }
  return /^\d+$/.test(name) ? "" : tidyName(name);
}
