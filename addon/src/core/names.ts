/** Forum names: what counts as one, and when two are the same. */

const NOBODY = new Set(["unknown", "deleted user", "[deleted user]", "[deleted]", "guest", "system"]);

const tidied = new Map<string, string>();

/** A name as it is asked of the backend (NFC, single spaces), or "" when the text is nobody's name. */
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

/** Two names with the same key belong to the same person. */
export const nameKey = (name: string): string => name.toLowerCase();

/**
 * The name in a profile address: `/profile/Name`, `/profile/ID/Name`. The forum encodes a slash or an ampersand
 * twice. "" when there is none.
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
