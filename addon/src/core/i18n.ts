/** The addon's words, from `_locales`. The build packs the six languages into the scripts (`virtual:messages`). */

import packed from "virtual:messages";
import type english from "../../_locales/en/messages.json";
import type { Options } from "./options.ts";

export type MessageKey = keyof typeof english;

let words: string[] = [];
let language = "";

/** Chooses the language: the option, else the browser's, else English. */
export function useLanguage(option: Options["language"], browser: readonly string[] = navigator.languages): void {
  const wanted = option === "auto" ? browser.map((tag) => tag.slice(0, 2)) : [option];
  const chosen = wanted.find((tag) => tag in packed.languages) ?? "en";
  if (chosen === language) return;
  language = chosen;
  words = (packed.languages[chosen] ?? "").split("\n");
}

/** The language in use, as an HTML `lang`. */
export const currentLanguage = (): string => language || "en";

/** A message with `$1`, `$2` … filled in. */
export function t(key: MessageKey, ...values: (string | number)[]): string {
  if (!words.length) useLanguage("en");
  const message = words[packed.keys.indexOf(key)] ?? key;
  return message.replace(/\$(\d)/g, (_, n: string) => String(values[Number(n) - 1] ?? ""));
}

const dateTimes = new Map<string, Intl.DateTimeFormat>();

/** A date in the language in use; `options` as for Intl.DateTimeFormat. Formatters are dear, so each is made once. */
export function formatDate(time: number | Date, options: Intl.DateTimeFormatOptions): string {
  const key = currentLanguage() + JSON.stringify(options);
  let format = dateTimes.get(key);
  if (!format) {
    format = new Intl.DateTimeFormat(currentLanguage(), options);
    dateTimes.set(key, format);
  }
  return format.format(time);
}

/** How long ago, in words of the language in use. */
export function formatAge(milliseconds: number): string {
  const relative = new Intl.RelativeTimeFormat(currentLanguage(), { numeric: "auto" });
  const minutes = Math.round(milliseconds / 60_000);
  if (minutes < 60) return relative.format(-minutes, "minute");
  if (minutes < 48 * 60) return relative.format(-Math.round(minutes / 60), "hour");
  return relative.format(-Math.round(minutes / 1440), "day");
}
