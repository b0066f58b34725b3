/** The parts of line and card: licences, facts, races, links. Each makes nodes or text for a driver. */

import { difference, flag, iratingText, NONE, positions, safetyText, signed, topShare } from "../core/format.ts";
import {
  currentLanguage,
  formatDate,
  formatNumber,
  formatPlace,
  formatShare,
  type MessageKey,
  t,
} from "../core/i18n.ts";
import { fillTemplate, subsessionUrl } from "../core/links.ts";
import type { Category, Driver, Licence, LicenceClass, Race, Rank } from "../core/model.ts";
import { type Options, RACE_TYPES } from "../core/options.ts";
import { licencesInOrder, wasDriven } from "../core/order.ts";
import { membership } from "../core/time.ts";
import type { Flags } from "../platform/platform.ts";
import { copyOf, h, linkOut } from "./h.ts";
import { icon } from "./icons.ts";

export interface View {
  options: Options;
  /** The reader's own stats to compare with. null: not known, or the driver is the reader. */
  reader: Driver | null;
  now: () => number;
}

export const categoryName = (category: Category): string => t(`category_${category}` as MessageKey);
export const className = (letter: LicenceClass): string => t(`class_${letter}` as MessageKey);

/** A licence in words, with its category. */
export function licenceTitle(licence: Licence, ratings: boolean): string {
  const parts = [`${categoryName(licence.category)}: ${className(licence.class)} ${safetyText(licence.safety)}`];
  if (ratings) parts.push(licence.irating === null ? t("unrated") : `${t("irating")} ${iratingText(licence.irating)}`);
  if (licence.cpi !== null) parts.push(`${t("cpi")} ${licence.cpi.toFixed(1)}`);
  return parts.join(" · ");
}

/** A chip without its texts. */
const emptyChip = (category: Category, ratings: boolean, cpi: boolean): HTMLElement =>
  copyOf(`chip ${category} ${ratings} ${cpi}`, () =>
    h(
      "span",
      { role: "listitem" },
      icon(category),
      h("b", { class: "class" }, " "),
      h("span", { class: "sr" }, " "),
      ratings && h("span", { class: "ir" }, " "),
      cpi && h("span", { class: "cpi" }, " "),
    ),
  );

/** One licence: icon, class letter, safety rating, iRating. `compared`: also the difference to the reader's iRating. */
export function licenceChip(licence: Licence, view: View, compared = true): HTMLElement {
  const { options } = view;
  const ratings = !options.hideRatings;
  const cpi = options.cpi ? licence.cpi : null;
  const chip = emptyChip(licence.category, ratings, cpi !== null);
  // a category that was never driven is less visible
  chip.className = `chip c-${licence.class}${wasDriven(licence) ? "" : " idle"}`;
  chip.title = licenceTitle(licence, ratings);
  const texts = [licence.class, safetyText(licence.safety)];
  if (ratings) texts.push(iratingText(licence.irating));
  if (cpi !== null) texts.push(cpi.toFixed(0));
  let node = chip.firstChild?.nextSibling;
  for (const text of texts) {
    if (node?.firstChild) node.firstChild.nodeValue = text;
    node = node?.nextSibling;
  }
  const mine =
    compared && ratings && options.compare && view.reader?.licences.find((l) => l.category === licence.category);
  const delta = mine ? difference(mine, licence) : null;
  if (delta !== null) {
    chip.append(h("span", { class: `delta ${delta < 0 ? "less" : "more"}`, title: t("compared") }, signed(delta)));
  }
  return chip;
}

/** The ranks in the world and in the driver's country, with where that is. Those that are not known are left out. */
export function ranks({ world, national }: Licence, country: string): [string, Rank][] {
  const all: [string, Rank | null][] = [
    [t("rank_world"), world],
    [country, national],
  ];
  return all.filter((entry): entry is [string, Rank] => !!entry[1]);
}

/** "top 4% of 8,431" */
export const rankShare = (rank: Rank): string => t("rank_top_of", formatShare(topShare(rank)), formatNumber(rank.of));

/** "top 4%" by the world rank; the tooltip has all ranks. */
function rankMark(driver: Driver, licence: Licence): HTMLElement | null {
  if (!licence.world) return null;
  const title = ranks(licence, driver.country?.name ?? "").map(
    ([where, rank]) => `${where}: ${formatPlace(rank.place)}, ${rankShare(rank)}`,
  );
  return h(
    "span",
    { role: "listitem", class: "rank", title: title.join(" · ") },
    t("rank_top", formatShare(topShare(licence.world))),
  );
}

/** "180 · 12%": starts and win rate. */
function recordMark({ starts, wins }: Licence): HTMLElement | null {
  if (!starts) return null;
  const share = wins === null ? "" : formatShare(Math.round((wins * 100) / starts) / 100);
  const title = [`${t("starts")}: ${formatNumber(starts)}`, share && `${t("win_rate")}: ${share}`];
  return h(
    "span",
    { role: "listitem", class: "rank", title: title.filter(Boolean).join(" · ") },
    [formatNumber(starts), share].filter(Boolean).join(" · "),
  );
}

/**
 * The licences of a line. The compact one has one glance: the first category and those that the reader has pinned, and how
 * many more there are. Its parts are as wide in every line, and what a driver lacks has a gap, so that the lines align.
 */
export function licences(driver: Driver, view: View): HTMLElement {
  const { rank, record, hideRatings, layout, pinned, compare } = view.options;
  const all = licencesInOrder(driver, view.options);
  const compact = layout === "compact";
  const shown = compact ? all.filter(({ category }, i) => !i || pinned.includes(category)) : all;
  // the line has one difference, one rank and one record only, the card has all
  const [first, ...others] = shown.map((licence, i) => licenceChip(licence, view, i === 0));
  const marks = [
    rank && !hideRatings && ((shown[0] && rankMark(driver, shown[0])) ?? (compact && gap("rank"))),
    record && ((shown[0] && recordMark(shown[0])) ?? (compact && gap("rank"))),
  ];
  const parts = compact
    ? [
        first ?? gap("chip"),
        ...marks,
        ...others,
        // pinned ones that the driver does not have, or that are first already
        ...pinned.slice(others.length).map(() => gap("chip")),
        moreMark(all.length - shown.length),
      ]
    : [first, ...marks, ...others];
  const wide = compact && compare && !hideRatings ? " compared" : "";
  return h("span", { class: `licences${wide}`, role: "list", "aria-label": t("licences") }, ...parts);
}

/** "+3" */
const moreMark = (count: number): HTMLElement =>
  count > 0
    ? copyOf(`more ${count} ${currentLanguage()}`, () =>
        h("span", { role: "listitem", class: "rest", title: t("more_categories", count) }, `+${count}`),
      )
    : gap("rest");

/** Keeps the place of what a driver lacks. */
export const gap = (className: string): HTMLElement => h("span", { class: `${className} gap` });

/** Gives the flags. null: there are none, as in the userscript. */
let picture: Flags | null = null;
export const useFlags = (flags: Flags | null): void => {
  picture = flags;
};

/** In Chromium on Windows there are no flag emoji. */
const hasEmoji = (navigator as { userAgentData?: { platform: string } }).userAgentData?.platform !== "Windows";

/** The country's flag: from the picture, which is everywhere the same, else as an emoji. It has its size from the start. */
export function flagIcon(code: string): HTMLElement | null {
  const found = picture?.(code);
  const emoji = !picture && hasEmoji && flag(code);
  if (!found && !emoji) return null;
  const box = h("span", { class: "flag", "aria-hidden": "true" }, emoji);
  if (found) Object.assign(box.style, found);
  return box;
}

/** The country's flag and code. The tooltip is its name, as iRacing says it. */
export function country(driver: Driver): HTMLElement | null {
  if (!driver.country) return null;
  const { code, name } = driver.country;
  return copyOf(`country ${picture !== null} ${code} ${name}`, () =>
    h("abbr", { class: "country", title: name }, flagIcon(code), code || name),
  );
}

export function memberYears(driver: Driver, view: View): HTMLElement | null {
  if (!driver.memberSince) return null;
  const { years } = membership(driver.memberSince, new Date(view.now()));
  return h("span", { class: "fact", title: `${t("member_since")} ${driver.memberSince}` }, t("years_short", years));
}

const day: Intl.DateTimeFormatOptions = { day: "numeric", month: "short", year: "numeric", timeZone: "UTC" };

export function memberFact(driver: Driver, view: View): string {
  if (!driver.memberSince) return "";
  const { years, days } = membership(driver.memberSince, new Date(view.now()));
  const since = formatDate(new Date(`${driver.memberSince}T00:00:00Z`), day);
  const next = days === 0 ? t("anniversary_today") : t("anniversary_in", days);
  return `${since} · ${t("years_short", years)} · ${next}`;
}

export const raceKind = (race: Race): (typeof RACE_TYPES)[number] =>
  RACE_TYPES.find((type) => type === race.type) ?? "OTHER";

/** The races of the types that the reader wants. */
export const racesToShow = (driver: Driver, options: Options): Race[] =>
  (driver.races ?? []).filter((race) => options.raceTypes.includes(raceKind(race))).slice(0, options.raceCount);

/** The start of a race in the reader's time zone. The tooltip has it in UTC. */
export function raceTime(start: number): HTMLElement {
  const local: Intl.DateTimeFormatOptions = { day: "numeric", month: "short", hour: "2-digit", minute: "2-digit" };
  const utc = `${new Date(start).toISOString().slice(0, 16).replace("T", " ")} UTC`;
  return h("time", { datetime: new Date(start).toISOString(), title: utc }, formatDate(start, local));
}

/** The races as a list: time, positions at start and finish, car, track. `loading`: they may still come. */
export function races(driver: Driver, options: Options, loading = true): HTMLElement {
  const rows = racesToShow(driver, options).map((race) => {
    const { category } = race;
    const what = [race.car, race.track].filter(Boolean).join(" · ");
    const when = race.start === null ? h("span", {}, NONE) : raceTime(race.start);
    return h(
      "li",
      {},
      h(
        "span",
        { class: "car-icon", title: category ? categoryName(category) : t("category_unknown") },
        icon(category ?? "any"),
      ),
      race.subsession === null ? when : linkOut(subsessionUrl(race.subsession), when),
      h("span", { class: "pos", dir: "ltr", title: t("start_finish") }, positions(race)),
      h("span", { class: "what", title: [race.event, what].filter(Boolean).join(" · ") }, what),
      race.type !== "RACE" && h("span", { class: "kind" }, t(`type_${raceKind(race)}`)),
    );
  });
  return rows.length
    ? h("ul", { class: "races", "aria-label": t("recent_races") }, ...rows)
    : h("p", { class: "quiet" }, t(driver.races ? "no_races" : loading ? "profile_pending" : "unavailable"));
}

/** The cars of the recent races of the types that the reader wants, each once. */
export function cars(driver: Driver, options: Options): string[] {
  const races = racesToShow(driver, { ...options, raceCount: Number.POSITIVE_INFINITY });
  return [...new Set(races.map((race) => race.car))].filter(Boolean).slice(0, options.carCount);
}

export function links(driver: Driver, options: Options): HTMLElement | null {
  const items = options.links
    .filter((link) => link.on)
    .map((link) => ({ label: link.label, url: fillTemplate(link.url, driver, options.backend) }))
    .filter((link) => link.url)
    .map((link) => linkOut(link.url, link.label));
  return items.length ? h("nav", { class: "links", "aria-label": t("links") }, ...items) : null;
}
