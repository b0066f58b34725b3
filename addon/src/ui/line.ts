/**
 * The content of a host: a line (compact, full or portrait) or a small badge. Its buttons have no listeners: the host
 * listens (class `retry`: loads again; any other button: opens the card).
 */

import { iratingShort, NONE } from "../core/format.ts";
import { type MessageKey, t } from "../core/i18n.ts";
import { fillTemplate } from "../core/links.ts";
import { type Answer, CATEGORIES, type Driver, isTrouble, type Problem, type Trouble } from "../core/model.ts";
import type { Note } from "../core/notes.ts";
import type { Options } from "../core/options.ts";
import { licencesInOrder } from "../core/order.ts";
import { colourOf } from "../core/tags.ts";
import { button, copyOf, h, linkOut } from "./h.ts";
import { icon } from "./icons.ts";
import { cars, country, gap, licences, links, memberYears, races, racesToShow, type View } from "./parts.ts";

/** Pixels of the usual size of text, as in base.css. */
const SIZE = 12.5;

/** The height that a host has from the start, so that nothing on the page moves later: in em, since text may be larger. */
export function reservedHeight(form: "line" | "badge", options: Options): string {
  return `${pixels(form, options) / SIZE}em`;
}

function pixels(form: "line" | "badge", options: Options): number {
  if (form === "badge") return 18;
  if (options.layout === "compact") return 30;
  const races = options.races ? options.raceCount : options.cars ? 1 : 0;
  const rows = CATEGORIES.length - options.hiddenCategories.length + 1 + Number(options.rank) + Number(options.record);
  const chips = options.layout === "full" ? 30 : 4 + 25 * rows;
  return chips + 24 * (1 + races);
}

/** The button that opens the card. */
function detailsButton(name: string): Node {
  const title = t("details");
  const copy = copyOf(`open ${title}`, () =>
    button({ class: "open", "aria-haspopup": "dialog", "aria-expanded": "false", title }, icon("more")),
  );
  copy.setAttribute("aria-label", `${title}: ${name}`);
  return copy;
}

const tagClass = (view: View, tag: string): string => {
  const colour = colourOf(view.options.tags, tag);
  return colour ? ` t-${colour}` : "";
};

/** The class of a line whose driver has a tag with a colour. */
const markOf = (note: Note | undefined, view: View): string => {
  const first = note?.tags.map((tag) => tagClass(view, tag)).find(Boolean);
  return first ? ` marked${first}` : "";
};

function noteMarks(note: Note | undefined, view: View): Node[] {
  if (!note) return [];
  const marks: Node[] = note.tags.map((tag) => h("span", { class: `tag${tagClass(view, tag)}` }, tag));
  if (note.text) marks.push(h("span", { class: "fact note", title: note.text }, icon("note")));
  return marks;
}

/** That the reader raced with this driver lately. */
const metMark = ({ met }: Driver): HTMLElement | null =>
  met ? h("span", { class: "fact met", title: t("met_n", met) }, icon("met"), met) : null;

function compact(driver: Driver, view: View, note: Note | undefined): Node[] {
  const { options } = view;
  const facts = [
    options.country && (country(driver) ?? gap("country")),
    options.member && (memberYears(driver, view) ?? gap("fact")),
  ];
  return [licences(driver, view), h("span", { class: "facts" }, ...facts, metMark(driver), ...noteMarks(note, view))];
}

function followers(driver: Driver): HTMLElement | null {
  return driver.followers === null
    ? null
    : h("span", { class: "fact" }, t("followers_n", driver.followers, driver.follows ?? 0));
}

function extended(driver: Driver, view: View): Node[] {
  const { options } = view;
  const list = options.races && races(driver, options);
  const names = options.cars ? cars(driver, options) : [];
  // with fewer races than there is space for, the cars fill a gap; else a button changes from the races to them and back
  const swap = !!list && names.length > 0 && racesToShow(driver, options).length >= options.raceCount;
  const facts = [
    options.followers && followers(driver),
    swap && button({ class: "swap", "aria-pressed": "false" }, t("recent_cars")),
    links(driver, options),
  ];
  return [
    h("div", { class: "row" }, ...facts),
    ...(list ? [list] : []),
    ...(names.length ? [h("div", { class: "row quiet cars", hidden: swap }, names.join(", "))] : []),
  ];
}

const MESSAGES: Record<Exclude<Problem, "pending" | Trouble>, MessageKey> = {
  not_found: "no_driver",
  invalid_name: "no_driver",
  unavailable: "unavailable",
  withheld: "withheld",
};

/** The address at which the backend answers for a name: there it says why it has no stats. */
const API = "{backend}/drivers?names={name}";

function message(answer: Answer | null, view: View, name: string): HTMLElement {
  if (!answer || "driver" in answer || answer.problem === "pending")
    return h("span", { class: "bar", role: "img", "aria-label": t("loading") });
  // the page's banner says what is wrong
  if (isTrouble(answer.problem)) return h("span", { class: "quiet", title: t("unavailable") }, NONE);
  const text = t(MESSAGES[answer.problem]);
  if (answer.problem !== "unavailable") return h("span", { class: "quiet" }, text);
  const retry = button({ class: "retry" }, t("retry"));
  const url = fillTemplate(API, { custId: 0, name }, view.options.backend);
  return h("span", { class: "quiet" }, text, " · ", retry, ...(url ? [" · ", linkOut(url, "API")] : []));
}

/** The line for an answer; null: there is none yet. `name`: as the page has it. */
export function line(answer: Answer | null, view: View, note: Note | undefined, name = ""): HTMLElement {
  const { layout } = view.options;
  if (!answer || !("driver" in answer))
    return h("div", { class: `line ${layout}` }, h("div", { class: "row first" }, message(answer, view, name)));
  const { driver } = answer;
  const first = h(
    "div",
    { class: `row first opens${driver.state === "kept" ? " kept" : ""}` },
    h("div", { class: "items" }, ...compact(driver, view, note)),
    detailsButton(driver.name),
  );
  return h(
    "div",
    { class: `line ${layout}${markOf(note, view)}` },
    first,
    ...(layout === "compact" ? [] : extended(driver, view)),
  );
}

/** The badge: class letter and iRating of the first licence. Empty without a driver or a licence. */
export function badge(answer: Answer | null, view: View, note: Note | undefined): HTMLElement {
  const driver = answer && "driver" in answer ? answer.driver : null;
  const licence = driver ? licencesInOrder(driver, view.options)[0] : undefined;
  if (!driver || !licence) return h("span", { class: "badge empty" });
  const rating = view.options.hideRatings ? "" : iratingShort(licence.irating);
  return button(
    {
      class: `badge chip c-${licence.class}`,
      "aria-haspopup": "dialog",
      "aria-expanded": "false",
      "aria-label": `${driver.name}: ${licence.class} ${rating}. ${t("details")}`,
      title: note?.text || null,
    },
    h("b", { class: "class" }, licence.class),
    rating && h("span", { class: "ir" }, rating),
  );
}
