/** The card: everything about one driver, opened from a line or a badge. A page has at most one. */

import { change } from "../core/chart.ts";
import { signed } from "../core/format.ts";
import { formatAge, formatNumber, formatPlace, formatShare, regionName, t } from "../core/i18n.ts";
import type { Answer, Category, Driver, History, Licence, Results } from "../core/model.ts";
import type { Note } from "../core/notes.ts";
import type { Theme } from "../core/options.ts";
import { licencesInOrder } from "../core/order.ts";
import type { Platform } from "../platform/platform.ts";
import base from "./base.css";
import css from "./card.css";
import { historyChart, type Kind } from "./chart.ts";
import { button, h } from "./h.ts";
import { icon } from "./icons.ts";
import { NoteForm } from "./note-form.ts";
import {
  cars,
  categoryName,
  flagIcon,
  licenceChip,
  licenceTitle,
  links,
  memberFact,
  rankShare,
  ranks,
  useFlags,
  type View,
} from "./parts.ts";
import { raceList, signedSafety, togetherList } from "./results.ts";
import { makeRoot, rootOf } from "./shadow.ts";

/** Over how many results the change of a rating is shown. */
const RECENT_RESULTS = 5;
/** Milliseconds until the card closes after the pointer has left. */
const CLOSE_DELAY = 250;
/** The height of a race in em, as in the style sheet. */
const RACE_HEIGHT = 3.2;
/** iRacing's minimum participation: so many races or time trials of a season make a promotion possible. */
const MPR = 4;
/** Every rating's value before the first result. */
const FIRST_RATING = 1350;
/** Pixels between the card and the edge of the window. */
const MARGIN = 8;

export interface Context {
  view(name: string): View;
  theme(): Theme;
  note(name: string): Note | undefined;
  answer(name: string): Answer | null;
  reload(name: string): Promise<void>;
  /** Loads the profile; `answer` has the licences already. */
  load(name: string): void;
  /** The reader's name; "" if it is not known. */
  reader(): string;
  /** The button at a host that opens the card. */
  opener(host: HTMLElement | null): HTMLElement | null | undefined;
  /** Says something to readers who use a screen reader. */
  announce(text: string): void;
  /** Whether the profile may still come. */
  isLoading(name: string): boolean;
}

type CardPlatform = Pick<Platform, "history" | "races" | "saveNote" | "hideDriver" | "openOptions" | "flags">;

export class Card {
  readonly #platform: CardPlatform;
  readonly #context: Context;
  #host: HTMLElement | null = null;
  #box: HTMLElement | null = null;
  #name = "";
  #anchor: HTMLElement | null = null;
  #byHover = false;
  #closeTimer = 0;
  /** Moves the card with its line when the window or what is above the line has another size. */
  readonly #moved = new ResizeObserver(() => this.#position());
  #category: Category | null = null;
  #kind: Kind = "irating";
  #above = false;
  /** The races with what they did to the ratings; null: they are not here (yet). */
  #results: Results | null = null;
  #waitsForResults = false;
  /** The chart. It stays when the rest is drawn again. */
  #panel: HTMLElement | null = null;
  #note: NoteForm | null = null;

  constructor(platform: CardPlatform, context: Context) {
    this.#platform = platform;
    this.#context = context;
    useFlags(platform.flags);
  }

  /** Opens the card at a host, or closes it if it is open there. */
  toggle(name: string, anchor: HTMLElement): void {
    const open = this.#anchor === anchor && !this.#byHover;
    this.close();
    if (!open) this.#open(name, anchor, false);
  }

  /** The pointer stays on a host (`over`), or has left it. */
  hover(name: string, anchor: HTMLElement, over: boolean): void {
    if (this.#context.view(this.#name).options.opener !== "hover") return;
    clearTimeout(this.#closeTimer);
    const answer = this.#context.answer(name);
    if (over && !this.#anchor && answer && "driver" in answer) this.#open(name, anchor, true);
    else if (!over && this.#byHover) this.#closeTimer = window.setTimeout(() => this.close(), CLOSE_DELAY);
  }

  close(): void {
    if (!this.#anchor) return;
    clearTimeout(this.#closeTimer);
    this.#moved.disconnect();
    this.#setExpanded(false);
    void this.#note?.store();
    this.#anchor = null;
    this.#host?.remove();
    this.#host = this.#box = this.#panel = this.#note = this.#results = null;
    this.#waitsForResults = false;
  }

  /** Draws the card again if it is open, for this driver or for any. */
  update(name = this.#name): void {
    if (!this.#anchor || this.#name !== name) return;
    this.#draw();
    if (this.#above) this.#position();
  }

  #setExpanded(on: boolean): void {
    this.#context.opener(this.#anchor)?.setAttribute("aria-expanded", String(on));
  }

  #open(name: string, anchor: HTMLElement, byHover: boolean): void {
    this.#name = name;
    this.#anchor = anchor;
    this.#byHover = byHover;
    this.#category = null;
    this.#kind = this.#context.view(this.#name).options.hideRatings ? "safety_rating" : "irating";
    this.#host = document.createElement("pitboard-card");
    const root = makeRoot(this.#host, base + css);
    this.#box = h("div", { popover: "auto", role: "dialog", tabindex: "-1" });
    root.append(this.#box);
    document.body.append(this.#host);
    this.#context.load(name);
    void this.#loadResults(name);
    this.#draw();
    this.#box.addEventListener("toggle", (event) => {
      if ((event as ToggleEvent).newState === "closed") this.#dismissed();
    });
    this.#host.addEventListener("pointerenter", () => clearTimeout(this.#closeTimer));
    this.#host.addEventListener("pointerleave", () => this.hover(name, anchor, false));
    this.#box.addEventListener("pointerdown", () => this.#pin());
    this.#box.addEventListener("focusin", () => this.#pin());
    this.#box.showPopover();
    const height = this.#box.offsetHeight + 4 + MARGIN;
    this.#above = anchor.getBoundingClientRect().bottom + height > innerHeight && topOf(anchor) >= height;
    this.#position();
    this.#moved.observe(document.body);
    this.#setExpanded(true);
    if (!byHover) this.#box.focus({ preventScroll: true });
  }

  /** The reader uses the card: from now on it stays until it is closed. */
  #pin(): void {
    if (rootOf(this.#host)?.activeElement || this.#box?.matches(":active")) this.#byHover = false;
  }

  #dismissed(): void {
    const opener = this.#context.opener(this.#anchor);
    const hadFocus = rootOf(this.#host)?.activeElement;
    this.close();
    if (hadFocus) opener?.focus({ preventScroll: true });
  }

  /**
   * Moves the card below its line, or above line and author if there is only space there. It scrolls with the page, has no
   * scroll bar of its own, and covers neither line nor author: what does not fit is reached by scrolling the page.
   */
  #position(): void {
    if (!this.#box || !this.#anchor?.isConnected) return;
    const at = this.#anchor.getBoundingClientRect();
    const { offsetWidth: width, offsetHeight: height } = this.#box;
    const end = getComputedStyle(this.#anchor).direction === "rtl" ? at.right - width : at.left;
    const x = Math.max(MARGIN, Math.min(end, document.documentElement.clientWidth - width - MARGIN));
    const y = this.#above ? topOf(this.#anchor) - height - 4 : at.bottom + 4;
    this.#box.style.insetInlineStart = "auto";
    this.#box.style.left = `${x + scrollX}px`;
    this.#box.style.top = `${y + scrollY}px`;
  }

  #draw(): void {
    if (!this.#box) return;
    const answer = this.#context.answer(this.#name);
    this.#box.className = `root card ${this.#context.theme()}`;
    this.#box.setAttribute("aria-label", this.#name);
    const focused = rootOf(this.#host)?.activeElement?.id;
    const content =
      answer && "driver" in answer ? this.#content(answer.driver) : [h("p", { class: "quiet" }, t("unavailable"))];
    fillAround(this.#box, this.#note?.element, content);
    if (focused && !rootOf(this.#host)?.activeElement) this.#box.querySelector<HTMLElement>(`#${focused}`)?.focus();
  }

  #content(driver: Driver): Node[] {
    const view = this.#context.view(this.#name);
    const { options } = view;
    const together = togetherList(this.#results);
    const carList = cars(driver, options).join(", ") || this.#loading(driver);
    const parts = [
      this.#head(driver),
      this.#facts(driver, view),
      this.#ratings(driver, view),
      together && section(t("together"), together),
      options.races && section(t("recent_races"), this.#races(driver, options)),
      options.cars && carList && section(t("recent_cars"), h("p", { class: "quiet wrap" }, carList)),
      links(driver, options),
      this.#notes(driver),
      this.#foot(driver, view),
    ];
    return parts.filter((part) => part instanceof Node);
  }

  /** What stands where the profile will be, so that the card has its size from the start; "" if none is to come. */
  #loading(driver: Driver): string {
    return !driver.races && this.#context.isLoading(this.#name) ? "…" : "";
  }

  /** Asks for the races, if the reader wants to see races. Without them the profile's are shown. */
  async #loadResults(name: string): Promise<void> {
    const answer = this.#context.answer(name);
    if (!answer || !("driver" in answer) || !this.#context.view(name).options.races) return;
    this.#waitsForResults = true;
    const results = await this.#platform.races(answer.driver.custId, this.#context.reader()).catch(() => null);
    if (this.#name !== name) return;
    this.#results = results;
    this.#waitsForResults = false;
    this.update(name);
  }

  #races(driver: Driver, options: View["options"]): HTMLElement {
    const loading = this.#loading(driver) || this.#waitsForResults;
    const list = raceList(driver, this.#results, options, !!loading);
    if (loading) list.style.minBlockSize = `${RACE_HEIGHT * options.raceCount}em`;
    return list;
  }

  #head(driver: Driver): HTMLElement {
    return h(
      "div",
      { class: "head" },
      h("h2", { dir: "auto" }, driver.name),
      driver.country && h("span", { class: "quiet" }, flagIcon(driver.country.code), countryName(driver)),
      iconButton("close", t("close"), driver, () => this.#box?.hidePopover()),
    );
  }

  #facts(driver: Driver, view: View): HTMLElement {
    const { options } = view;
    const rows: [string, string | Node][] = [];
    const { activity, followers } = driver;
    const loading = this.#loading(driver);
    const member = options.member ? memberFact(driver, view) || loading : "";
    if (member) rows.push([t("member_since"), member]);
    const follow = followers === null ? loading : `${followers} · ${t("follows_n", driver.follows ?? 0)}`;
    if (options.followers && follow) rows.push([t("followers"), follow]);
    const weeks = activity && activity.weeks > 1 ? ` · ${t("weeks_n", activity.weeks)}` : "";
    const active = activity ? t("activity_n", activity.last30, activity.before30) + weeks : loading;
    if (active) rows.push([t("activity"), active]);
    if (options.customerId) {
      const copied = () => void navigator.clipboard.writeText(String(driver.custId));
      rows.push([t("customer_id"), h("span", {}, driver.custId, iconButton("copy", t("copy"), driver, copied))]);
    }
    return h("dl", {}, ...rows.flatMap(([name, value]) => [h("dt", {}, name), h("dd", {}, value)]));
  }

  #ratings(driver: Driver, view: View): HTMLElement {
    const shown = licencesInOrder(driver, view.options);
    this.#category ??= shown[0]?.category ?? null;
    const tabs = shown.map((licence) => {
      const chip = licenceChip(licence, view);
      chip.removeAttribute("role");
      return button(
        {
          class: "tab",
          id: `tab-${licence.category}`,
          "aria-pressed": String(licence.category === this.#category),
          "aria-label": `${driver.name}: ${licenceTitle(licence, !view.options.hideRatings)}`,
          onclick: () => this.#choose(licence.category, this.#kind),
        },
        chip,
      );
    });
    const kinds = (["irating", "safety_rating"] as const)
      .filter((kind) => kind === "safety_rating" || !view.options.hideRatings)
      .map((kind) =>
        button(
          {
            class: "kind-tab",
            id: `kind-${kind}`,
            "aria-pressed": String(kind === this.#kind),
            "aria-label": [t(kind), this.#category && categoryName(this.#category), driver.name]
              .filter(Boolean)
              .join(", "),
            onclick: () => this.#choose(this.#category, kind),
          },
          t(kind),
        ),
      );
    const chosen = shown.find((licence) => licence.category === this.#category);
    const of = `${driver.custId} ${this.#category} ${this.#kind}`;
    if (this.#panel?.dataset.of !== of) {
      this.#panel = h("div", { class: "history", "data-of": of });
      if (chosen) void this.#fillHistory(this.#panel, driver, chosen, this.#kind);
    }
    return h(
      "section",
      {},
      h("div", { class: "tabs" }, ...tabs),
      ...(chosen
        ? [...standing(driver, chosen, view.options.hideRatings), further(chosen, view.options.hideRatings)]
        : []),
      h("div", { class: "kinds" }, ...kinds),
      this.#panel,
    );
  }

  #choose(category: Category | null, kind: Kind): void {
    this.#category = category;
    this.#kind = kind;
    this.#draw();
  }

  async #fillHistory(panel: HTMLElement, driver: Driver, licence: Licence, kind: Kind): Promise<void> {
    try {
      const history = await this.#platform.history(driver.custId, licence.category, kind);
      const chart = historyChart(history, kind);
      panel.replaceChildren(chart, ...figures(history, kind, !licence.starts));
      this.#context.announce(chart.querySelector("svg")?.getAttribute("aria-label") ?? chart.textContent ?? "");
    } catch {
      panel.replaceChildren(h("p", { class: "quiet chart-empty" }, t("history_unavailable")));
    }
  }

  /** The fields of the note. They stay when the rest is drawn again: the reader may be writing. */
  #notes(driver: Driver): HTMLElement {
    this.#note ??= new NoteForm(
      driver.name,
      this.#context.note(this.#name),
      this.#context.view(this.#name).options,
      (note) => this.#platform.saveNote(driver.name, note),
    );
    return this.#note.element;
  }

  #foot(driver: Driver, view: View): HTMLElement {
    const age = driver.asOf === null ? "" : t("data_age", formatAge(Math.max(0, view.now() - driver.asOf)));
    const { state } = driver;
    const note = state === "kept" ? t("state_kept") : state === "fresh" ? "" : t("state_stale");
    return h(
      "div",
      { class: "foot" },
      h("span", { class: "quiet small" }, [age, note].filter(Boolean).join(" · ")),
      iconButton("refresh", t("refresh"), driver, () => {
        this.#panel = null;
        void this.#context.reload(this.#name);
      }),
      button(
        {
          class: "plain small",
          "aria-label": `${t("hide_driver")}: ${driver.name}`,
          onclick: () => void this.#platform.hideDriver(this.#name),
        },
        t("hide_driver"),
      ),
      iconButton("gear", t("options"), null, () => this.#platform.openOptions()),
    );
  }
}

/** Gives a box its content. `kept`, which may be part of both, does not leave the page: else it would lose the focus. */
function fillAround(box: HTMLElement, kept: Element | undefined, content: Node[]): void {
  for (const child of [...box.childNodes]) if (child !== kept) child.remove();
  const at = kept?.parentNode === box ? content.indexOf(kept) : -1;
  if (at < 0) box.replaceChildren(...content);
  else {
    kept?.before(...content.slice(0, at));
    kept?.after(...content.slice(at + 1));
  }
}

/** Where the card must end above: at the top of the author, who is in what stands before the line. */
function topOf(anchor: HTMLElement): number {
  const tops = [anchor.getBoundingClientRect().top];
  for (let at = anchor.previousElementSibling; at; at = at.previousElementSibling) {
    tops.push(at.getBoundingClientRect().top);
    if (anchor.dataset.form === "badge") break;
  }
  return Math.min(...tops);
}

/** The country in the reader's language, if its code has two letters, else as iRacing says it. */
const countryName = ({ country }: Driver): string => (country ? regionName(country.code) || country.name : "");

const section = (title: string, ...content: Node[]): HTMLElement => h("section", {}, h("h3", {}, title), ...content);

/** A button with an icon. Its name says which driver it is for. */
function iconButton(
  name: "close" | "refresh" | "gear" | "copy",
  title: string,
  driver: Driver | null,
  onclick: () => void,
): HTMLElement {
  const label = driver ? `${title}: ${driver.name}` : title;
  return button({ class: "icon-button", id: `do-${name}`, "aria-label": label, title, onclick }, icon(name));
}

/** Ranks, starts and win rate in a category: those that are known. */
function standing(driver: Driver, licence: Licence, hideRatings: boolean): HTMLElement[] {
  const cells: [string, ...(string | Node)[]][] = [];
  for (const [where, rank] of hideRatings ? [] : ranks(licence, countryName(driver)))
    cells.push([where, formatPlace(rank.place), h("div", { class: "small" }, rankShare(rank))]);
  const { starts, wins } = licence;
  if (starts) {
    cells.push([t("starts"), formatNumber(starts)]);
    if (wins !== null) cells.push([t("win_rate"), formatShare(wins / starts)]);
    if (licence.incidents !== null) cells.push([t("incidents_race"), formatNumber(tenths(licence.incidents))]);
  }
  return figureList(cells, "standing");
}

/** How far the next licence is, and the time-trial rating, if there is one other than the first. */
function further({ timeTrial, towards, class: letter }: Licence, hideRatings: boolean): HTMLElement | null {
  const facts = [
    towards !== null && "RDCB".includes(letter) && t("towards_n", Math.min(towards, MPR), MPR),
    !hideRatings && timeTrial !== null && timeTrial !== FIRST_RATING && `${t("time_trial")} ${timeTrial}`,
  ].filter(Boolean);
  return facts.length ? h("p", { class: "quiet small further" }, facts.join(" · ")) : null;
}

function figureList(cells: [string, ...(string | Node)[]][], more = ""): HTMLElement[] {
  const list = cells.map(([name, ...value]) => h("div", {}, h("dt", {}, name), h("dd", {}, ...value)));
  return list.length ? [h("dl", { class: `figures ${more}` }, ...list)] : [];
}

/** Figures below the chart: the change over the last results, and the career, with starts if they are not above. */
function figures(history: History, kind: Kind, starts: boolean): HTMLElement[] {
  const rows: [string, string][] = [];
  const recent = change(history.points, RECENT_RESULTS);
  if (recent) {
    const by = kind === "irating" ? signed(Math.round(recent.by)) : signedSafety(recent.by);
    rows.push([t("last_results", recent.over), by]);
  }
  const { career } = history;
  if (career) {
    if (starts) rows.push([t("starts"), String(career.starts)]);
    rows.push([t("wins"), String(career.wins)], [t("top5"), String(career.top5)], [t("poles"), String(career.poles)]);
    if (starts && career.incidents !== null) rows.push([t("incidents_race"), formatNumber(tenths(career.incidents))]);
    if (career.finish !== null) rows.push([t("average_finish"), formatNumber(career.finish)]);
  }
  return figureList(rows);
}

const tenths = (value: number): number => Math.round(value * 10) / 10;
