/** The settings of a release, from release.json: ids and addresses that only the publisher knows. README.md says what each is. */

import { readFile } from "node:fs/promises";
import { join, resolve } from "node:path";

const root = resolve(import.meta.dirname, "..");

export const settings = JSON.parse(await readFile(join(root, "release.json"), "utf8"));

/** Endings that nobody can own (RFC 2606 and 6761): an address with one was forgotten. */
const RESERVED = /(^|\.)(invalid|example|test|localhost|example\.(com|net|org))$/;

const ID = /^(\{[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}\}|[\w.-]*@[\w.-]+)$/;

function wrongAddress(value, kinds) {
  if (!URL.canParse(value)) return "is no address";
  const { protocol, hostname, pathname } = new URL(value);
  if (!kinds.includes(protocol)) return `does not begin with ${kinds.join(" or ")}`;
  return RESERVED.test(hostname || pathname.split("@").at(-1)) ? "has an ending that nobody can own" : "";
}

/** What the shops would refuse in these settings, as sentences. */
export function refusals(given) {
  const found = [];
  const check = (name, kinds, required) => {
    const wrong = given[name] ? wrongAddress(given[name], kinds) : required && "is missing";
    if (wrong) found.push(`release.json: "${name}" ${wrong}.`);
  };
  if (!ID.test(given.firefoxId) || RESERVED.test(given.firefoxId.split("@").at(-1)))
    found.push(
      'release.json: "firefoxId" is neither a UUID in braces nor like an e-mail address that somebody can own.',
    );
  check("homepage", ["https:"], true);
  check("support", ["https:", "mailto:"], true);
  check("privacy", ["https:"], true);
  check("userscript", ["https:"], false);
  check("firefoxUpdates", ["https:"], false);
  return found;
}
