/** Messages, numbers, dates and countries in the reader's language. */

import packed from "virtual:messages";
import type english from "../../_locales/en/messages.json";
import { LANGUAGES, type Options } from "./options.ts";

export type MessageKey = keyof typeof english;

/** From `_locales`. The build puts into each script the messages that it uses (`virtual:messages`). */
let source = packed;
let at: Map<string, number>;
let messages: string[];
let language = "en";

/** Uses the messages of another script. The userscript has only English ones. */
export function useMessages(from: typeof packed): void {
  source = from;
  at = new Map(from.keys.split(" ").map((key, i) => [key, i]));
  messages = from.en.split("\n");
}

useMessages(packed);

/** The messages of the other languages: a deflated JSON object, unpacked only for readers who need one of them. */
async function unpack(): Promise<Record<string, string>> {
  if (!source.others) return {};
  const bytes = Uint8Array.from(atob(source.others), (c) => c.charCodeAt(0));
  const stream = new Blob([bytes]).stream().pipeThrough(new DecompressionStream("deflate-raw"));
  return (await new Response(stream).json()) as Record<string, string>;
}

/** Sets the language: the option, else the first of the browser's languages that we have, else English. */
export async function useLanguage(
  option: Options["language"],
  browser: readonly string[] = navigator.languages,
): Promise<void> {
  const wanted = option === "auto" ? browser.map((tag) => tag.slice(0, 2)) : [option];
  const chosen = wanted.find((tag) => LANGUAGES.some((known) => known === tag)) ?? "en";
  if (chosen === language) return;
  messages = ((chosen !== "en" && (await unpack())[chosen]) || source.en).split("\n");
  language = chosen;
}

/** The language in use, as an HTML `lang`. */
export const currentLanguage = (): string => language;

/** A message with `$1`, `$2` … filled in. */
export function t(key: MessageKey, ...values: (string | number)[]): string {
  const message = messages[at.get(key) ?? -1] ?? key;
  return values.length === 0
    ? message
    : message.replace(/\$(\d)/g, (_, n: string) => String(values[Number(n) - 1] ?? ""));
}

const made = new Map<string, unknown>();

/** A formatter of `Intl` for the language in use. Making one is slow, so each is made once. */
function intl<T, O>(kind: new (language: string, options: O) => T, options: O): T {
  const key = language + kind.name + JSON.stringify(options);
  const known = (made.get(key) as T | undefined) ?? new kind(language, options);
  made.set(key, known);
  return known;
}

export const formatDate = (time: number | Date, options: Intl.DateTimeFormatOptions): string =>
  intl(Intl.DateTimeFormat, options).format(time);

export const formatNumber = (value: number): string => intl(Intl.NumberFormat, {}).format(value);

/** A share from 0 to 1: "4%", "0.1%". */
export const formatShare = (share: number): string =>
  intl(Intl.NumberFormat, { style: "percent", maximumFractionDigits: 1 }).format(share);

/** "212th". */
export function formatPlace(place: number): string {
  const rule = intl(Intl.PluralRules, { type: "ordinal" }).select(place);
  return t(`place_${/one|two|few/.test(rule) ? rule : "other"}` as MessageKey, formatNumber(place));
}

/** A country's name by its ISO 3166 code of two letters; "" if there is none. The first one takes some 15 ms. */
export const regionName = (code: string): string =>
  (code.length === 2 && intl(Intl.DisplayNames, { type: "region", fallback: "none" }).of(code)) || "";

/** "3 hours ago". */
export function formatAge(milliseconds: number): string {
  const relative = intl(Intl.RelativeTimeFormat, { numeric: "auto" });
  const minutes = Math.round(milliseconds / 60_000);
  if (minutes < 60) return relative.format(-minutes, "minute");
  if (minutes < 48 * 60) return relative.format(-Math.round(minutes / 60), "hour");
  return relative.format(-Math.round(minutes / 1440), "day");
}
