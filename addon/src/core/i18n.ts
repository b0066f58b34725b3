/** The addon's messages, from `_locales`. The build puts into each script those that it uses (`virtual:messages`). */

import packed from "virtual:messages";
import type english from "../../_locales/en/messages.json";
import { LANGUAGES, type Options } from "./options.ts";

export type MessageKey = keyof typeof english;

const at = new Map(packed.keys.split(" ").map((key, i) => [key, i]));
let messages: string[] = packed.en.split("\n");
let language = "en";

/** The messages of the other languages: a deflated JSON object, unpacked only for readers who need one of them. */
async function unpack(): Promise<Record<string, string>> {
  const bytes = Uint8Array.from(atob(packed.others), (c) => c.charCodeAt(0));
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
  messages = (chosen === "en" ? packed.en : ((await unpack())[chosen] ?? packed.en)).split("\n");
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

const dateTimes = new Map<string, Intl.DateTimeFormat>();

/** A date in the language in use; `options` as for Intl.DateTimeFormat. Making a formatter is slow, so each is made once. */
export function formatDate(time: number | Date, options: Intl.DateTimeFormatOptions): string {
  const key = currentLanguage() + JSON.stringify(options);
  let format = dateTimes.get(key);
  if (!format) {
    format = new Intl.DateTimeFormat(currentLanguage(), options);
    dateTimes.set(key, format);
  }
  return format.format(time);
}

/** "3 hours ago", in the language in use. */
export function formatAge(milliseconds: number): string {
  const relative = new Intl.RelativeTimeFormat(currentLanguage(), { numeric: "auto" });
  const minutes = Math.round(milliseconds / 60_000);
  if (minutes < 60) return relative.format(-minutes, "minute");
  if (minutes < 48 * 60) return relative.format(-Math.round(minutes / 60), "hour");
  return relative.format(-Math.round(minutes / 1440), "day");
}
