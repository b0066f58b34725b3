/** The card's races: what each did to the ratings, and which the reader drove, too. */

import { NONE, positions, safetyText, signed } from "../core/format.ts";
import { formatNumber, type MessageKey, t } from "../core/i18n.ts";
import { subsessionUrl } from "../core/links.ts";
import type { Driver, Race, Result, Results } from "../core/model.ts";
import type { Options } from "../core/options.ts";
import { h, linkOut } from "./h.ts";
import { icon } from "./icons.ts";
import { categoryName, raceKind, raceTime } from "./parts.ts";

type Known = Race & Partial<Result>;

/** The races of profile and results, newest first, each once: the profile knows other kinds, the results the ratings. */
export function allRaces(driver: Driver, results: Results | null, options: Options): Known[] {
  const bySession = new Map<number | null, Known>();
  for (const race of results?.races ?? []) bySession.set(race.subsession, race);
  const others: Known[] = [];
  for (const race of driver.races ?? []) {
    const result = race.subsession === null ? undefined : bySession.get(race.subsession);
    // the profile has the layout of the track
    if (result) bySession.set(race.subsession, { ...result, track: race.track || result.track });
    else others.push(race);
  }
  return [...bySession.values(), ...others]
    .filter((race) => options.raceTypes.includes(raceKind(race)))
    .sort((a, b) => (b.start ?? 0) - (a.start ?? 0))
    .slice(0, options.raceCount);
}

/** "+0.16" */
export const signedSafety = (by: number): string =>
  by === 0 ? "±0" : `${by < 0 ? "−" : "+"}${safetyText(Math.abs(by))}`;

const gain = (by: number, text: string, name: string): HTMLElement =>
  h("span", { class: `delta ${by < 0 ? "less" : "more"}`, title: name, "aria-label": `${name} ${text}` }, text);

/** What a race did to iRating and safety rating. */
function gains({ irating, safety }: Known, hideRatings: boolean): HTMLElement {
  return h(
    "span",
    { class: "gains" },
    !hideRatings && typeof irating === "number" && gain(irating, signed(irating), t("irating")),
    typeof safety === "number" && gain(safety, signedSafety(safety), t("safety_rating")),
  );
}

function facts(race: Known, hideRatings: boolean): Node[] {
  const when = race.start === null ? h("span", {}, NONE) : raceTime(race.start);
  const kind = race.type !== "RACE" && h("span", { class: "kind" }, t(`type_${raceKind(race)}` as MessageKey));
  const parts = [
    race.subsession === null ? when : linkOut(subsessionUrl(race.subsession), when),
    positions(race) && h("bdi", { class: "place", dir: "ltr", title: t("start_finish") }, positions(race)),
    typeof race.incidents === "number" && h("span", { title: t("incidents") }, `${race.incidents}x`),
    !hideRatings &&
      typeof race.strength === "number" &&
      h("span", { title: t("strength_of_field") }, `SoF ${formatNumber(race.strength)}`),
    kind,
  ];
  return parts.filter((part) => part instanceof Node);
}

function row(race: Known, hideRatings: boolean, together: boolean): HTMLElement {
  const what = [race.car, race.track].filter(Boolean).join(" · ");
  const category = race.category ? categoryName(race.category) : t("category_unknown");
  return h(
    "li",
    {},
    h("span", { class: "car-icon", title: category }, icon(race.category ?? "any")),
    h(
      "div",
      { class: "race" },
      h("div", { class: "what", title: [race.event, what].filter(Boolean).join(" · ") }, what || NONE),
      h("div", { class: "quiet small race-facts" }, ...facts(race, hideRatings)),
    ),
    together && h("span", { class: "met", title: t("together") }, icon("met")),
    gains(race, hideRatings),
  );
}

/** The races as a list. `loading`: they may still come. */
export function raceList(driver: Driver, results: Results | null, options: Options, loading: boolean): HTMLElement {
  const met = new Set(results?.together.map((race) => race.subsession));
  const rows = allRaces(driver, results, options).map((race) =>
    row(race, options.hideRatings, race.subsession !== null && met.has(race.subsession)),
  );
  return rows.length
    ? h("ul", { class: "races", "aria-label": t("recent_races") }, ...rows)
    : h("p", { class: "quiet" }, t(loading ? "profile_pending" : driver.races || results ? "no_races" : "unavailable"));
}

/** The races that the reader drove, too, with the positions of both; null: none is known. */
export function togetherList(results: Results | null): HTMLElement | null {
  if (!results?.together.length) return null;
  const rows = results.together.map((mine) => {
    const theirs = results.races.find((race) => race.subsession === mine.subsession);
    const text = t("together_places", theirs?.to ?? NONE, mine.to ?? NONE);
    const when = mine.start === null ? NONE : raceTime(mine.start);
    return h(
      "li",
      {},
      linkOut(subsessionUrl(mine.subsession ?? 0), when instanceof Node ? when : h("span", {}, when)),
      h("span", {}, text),
      h("span", { class: "what quiet" }, mine.track),
    );
  });
  return h("ul", { class: "races met-list", "aria-label": t("together") }, ...rows);
}
