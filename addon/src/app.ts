/** The page part: finds places, puts hosts there, asks for their drivers, draws what comes back. */

import { useLanguage } from "./core/i18n.ts";
import type { Driver } from "./core/model.ts";
import { nameKey } from "./core/names.ts";
import type { Note } from "./core/notes.ts";
import { DEFAULTS, type Options, readOptions } from "./core/options.ts";
import { Roster } from "./core/roster.ts";
import type { Platform } from "./platform/platform.ts";
import { expectsAuthors, ownName, type Place, SURFACES, scope } from "./site/surfaces.ts";
import { detectTheme, type Theme } from "./site/theme.ts";
import { Watcher } from "./site/watch.ts";
import { Card } from "./ui/card.ts";
import { createHost, drawHost, HOST_TAG } from "./ui/host.ts";
import type { View } from "./ui/parts.ts";

/** How often a host that somebody else removes is put back. */
const REMOUNTS = 5;
/** Milliseconds before a missing answer shows as loading. */
const PATIENCE = 200;

interface Seat {
  place: Place;
  host: HTMLElement;
  mounts: number;
}

/** What decides about where places are and how much room they take. */
const roomOf = ({ layout, races, cars, raceCount, hiddenCategories, surfaces }: Options): string =>
  JSON.stringify({ layout, races, cars, raceCount, hiddenCategories, surfaces });

const ROOM = "pitboard room";

/**
 * The options with the room of the reader's last page. Only the page's own storage answers at once; it holds nothing
 * for who has the defaults. Its first use in a page takes milliseconds, so it is asked only when there is no time left.
 */
function lastRoom(): Options {
  try {
    return readOptions(JSON.parse(localStorage.getItem(ROOM) ?? "{}"));
  } catch {
    return DEFAULTS;
  }
}

function keepRoom(options: Options): void {
  setTimeout(() => {
    try {
      if (roomOf(options) === roomOf(DEFAULTS)) localStorage.removeItem(ROOM);
      else localStorage.setItem(ROOM, roomOf(options));
    } catch {
      // no storage: a page may move once while it loads
    }
  });
}

export class App {
  readonly #platform: Platform;
  readonly #roster: Roster;
  readonly #seats = new Map<Element, Seat>();
  readonly #byHost = new WeakMap<Element, Seat>();
  readonly #byName = new Map<string, Set<Seat>>();
  readonly #near: IntersectionObserver;
  readonly #watcher: Watcher;
  readonly #card: Card;
  #theme: Theme | null = null;
  #me = "";
  #mine: Driver | null = null;

  #options: Options = DEFAULTS;
  /** Whether `#options` are the reader's, or at least have their room. */
  #known = false;
  #notes: Record<string, Note> = {};
  #settled: () => void = () => {};

  constructor(platform: Platform) {
    this.#platform = platform;
    const ready = new Promise<void>((resolve) => {
      this.#settled = resolve;
    });
    this.#roster = new Roster(
      (names, again) => ready.then(() => platform.drivers(names, again)),
      (name) => this.#answered(name),
    );
    this.#near = new IntersectionObserver((seen) => this.#seen(seen), { rootMargin: "600px 0px" });
    this.#watcher = new Watcher(
      (roots) => this.#search(roots),
      (host) => this.#removed(host),
    );
    this.#card = new Card(platform, {
      view: (name) => this.#view(name),
      theme: () => this.#theme ?? "light",
      note: (name) => this.#notes[nameKey(name)],
      again: (name) => this.#roster.again(name),
      answer: (name) => this.#roster.answer(name),
    });
  }

  start(): void {
    this.#platform.onOptions((options) => void this.#restart(options));
    this.#platform.onNotes((notes) => {
      this.#notes = notes;
      for (const seat of this.#seats.values()) this.#draw(seat);
    });
    matchMedia("(prefers-color-scheme: dark)").addEventListener("change", () => this.#rethink());
    this.#watcher.start(() => this.#rethink());
    const report = () => setTimeout(() => this.#reportMissing(), 3000);
    if (document.readyState === "complete") report();
    else addEventListener("load", report, { once: true });
  }

  /** The stored options and notes are here: from now on names are asked for. */
  async settle(options: Options, notes: Record<string, Note>): Promise<void> {
    this.#notes = notes;
    this.#known = true;
    if (roomOf(options) !== roomOf(this.#options)) await this.#restart(options);
    if (options.theme !== this.#options.theme) this.#theme = null;
    this.#options = options;
    await useLanguage(options.language);
    for (const seat of [...this.#seats.values()]) if (this.#isHidden(seat.place)) this.#leave(seat);
    this.#settled();
  }

  #view(name: string): View {
    const self = nameKey(name) === nameKey(this.#me);
    return { options: this.#options, me: self ? null : this.#mine, now: Date.now };
  }

  async #restart(options: Options): Promise<void> {
    keepRoom(options);
    await useLanguage(options.language);
    const forgetNames = options.backend !== this.#options.backend;
    this.#options = options;
    this.#theme = null;
    this.#me = "";
    this.#mine = null;
    this.#card.close();
    for (const seat of [...this.#seats.values()]) this.#leave(seat);
    if (forgetNames) this.#roster.clear();
    this.#meet();
    this.#search([document.documentElement]);
  }

  #rethink(): void {
    this.#theme = null;
    for (const seat of this.#seats.values()) this.#draw(seat);
  }

  /** One line for whoever wonders why nothing shows, e.g. after the forum has changed its markup. */
  #reportMissing(): void {
    if (this.#seats.size || !expectsAuthors(location.pathname)) return;
    console.info("Pitboard: found no authors on this page.");
  }

  #search(roots: Iterable<Element>): void {
    for (const [container, seat] of this.#seats) if (!container.isConnected) this.#leave(seat);
    const path = location.pathname;
    for (const surface of SURFACES) {
      if (!this.#options.surfaces[surface.id] || !surface.on(path)) continue;
      for (const root of roots) {
        for (const place of surface.find(root)) {
          if (!this.#known) {
            this.#guess(roots);
            return;
          }
          this.#take(place);
        }
      }
    }
  }

  /** There are posts, and a frame is about to be painted, before the stored options are here. */
  #guess(roots: Iterable<Element>): void {
    this.#known = true;
    this.#options = lastRoom();
    this.#search(roots);
  }

  #take(place: Place): void {
    const known = this.#seats.get(place.container);
    if (known?.place.name === place.name && known.host.isConnected) return;
    if (known) this.#leave(known);
    if (place.form === "badge" && place.container.nextElementSibling?.localName === HOST_TAG) {
      // the link was replaced: its badge is still there, but belongs to the link that is gone
      place.container.nextElementSibling.remove();
    }
    if (this.#isHidden(place)) return;
    const seat: Seat = {
      place,
      host: createHost(place.form, place.name, this.#options),
      mounts: known?.place.name === place.name ? known.mounts + 1 : 0,
    };
    if (seat.mounts > REMOUNTS) return;
    this.#seats.set(place.container, seat);
    this.#byHost.set(seat.host, seat);
    const same = this.#byName.get(place.name) ?? new Set();
    this.#byName.set(place.name, same.add(seat));
    place.mount(seat.host);
    this.#roster.add(place.name);
    this.#near.observe(seat.host);
    if (this.#roster.answer(place.name)) this.#draw(seat);
  }

  #leave(seat: Seat): void {
    this.#near.unobserve(seat.host);
    seat.host.remove();
    this.#seats.delete(seat.place.container);
    const same = this.#byName.get(seat.place.name);
    same?.delete(seat);
    if (same?.size !== 0) return;
    this.#byName.delete(seat.place.name);
    this.#roster.drop(seat.place.name);
  }

  #isHidden(place: Place): boolean {
    const key = nameKey(place.name);
    if (this.#options.hiddenDrivers.some((name) => nameKey(name) === key)) return true;
    return this.#options.hideOwn && place.form === "line" && key === nameKey(this.#ownName());
  }

  #ownName(): string {
    this.#me ||= this.#options.me || ownName();
    return this.#me;
  }

  #removed(host: Element): void {
    const seat = this.#byHost.get(host);
    if (seat && this.#seats.get(seat.place.container) === seat && seat.place.container.isConnected) {
      this.#search([scope(seat.place.container)]);
    }
  }

  /** A bar for those who have no answer after a moment; most have one by then, and nothing flickers. */
  #stillWaiting(seats: Seat[]): void {
    for (const seat of seats) if (seat.host.isConnected && !this.#roster.answer(seat.place.name)) this.#draw(seat);
  }

  #seen(entries: IntersectionObserverEntry[]): void {
    const waiting: Seat[] = [];
    for (const entry of entries) {
      const seat = this.#byHost.get(entry.target);
      if (!entry.isIntersecting || !seat) continue;
      this.#near.unobserve(entry.target);
      // the layout is clean here, so that asking for the page's colours costs nothing
      this.#theme ??= detectTheme(this.#options.theme, seat.host.parentElement);
      this.#roster.want(seat.place.name);
      if (!this.#roster.answer(seat.place.name)) waiting.push(seat);
    }
    if (waiting.length) setTimeout(() => this.#stillWaiting(waiting), PATIENCE);
    this.#meet();
  }

  /** Finds the reader's own stats, if there is something to compare them with. */
  #meet(): void {
    const me = this.#options.compare && !this.#mine ? this.#ownName() : "";
    if (!me) return;
    const answer = this.#roster.answer(me);
    if (answer && "driver" in answer) this.#mine = answer.driver;
    else this.#roster.want(me);
  }

  #answered(name: string): void {
    const answer = this.#roster.answer(name);
    if (this.#me === name && answer && "driver" in answer && !this.#mine) {
      this.#mine = answer.driver;
      for (const seat of this.#seats.values()) if (this.#roster.answer(seat.place.name)) this.#draw(seat);
    }
    for (const seat of this.#byName.get(name) ?? []) this.#draw(seat);
    this.#card.update(name);
  }

  #draw(seat: Seat): void {
    const { name } = seat.place;
    this.#theme ??= detectTheme(this.#options.theme, seat.host.parentElement);
    const drawing = {
      answer: this.#roster.answer(name),
      view: this.#view(name),
      note: this.#notes[nameKey(name)],
      theme: this.#theme,
    };
    drawHost(seat.host, drawing, {
      open: () => this.#card.toggle(name, seat.host),
      hover: (over) => this.#card.hover(name, seat.host, over),
      retry: () => void this.#roster.again(name),
    });
  }
}

/** Waits for the page's root element. */
const rooted = () =>
  new Promise<void>((resolve) => {
    const observer = new MutationObserver(() => {
      if (!document.documentElement) return; // the doctype comes first
      observer.disconnect();
      resolve();
    });
    observer.observe(document, { childList: true });
  });

/**
 * Starts the page part. The stored options come some milliseconds later: should posts be painted before that, they
 * have the room of the reader's last page, so that nothing moves.
 */
export async function run(platform: Platform): Promise<void> {
  // some script managers are here before the page has anything
  if (!document.documentElement) await rooted();
  // asked for first: they are on their way while the rest starts
  const stored = Promise.all([platform.options(), platform.notes()]);
  const app = new App(platform);
  app.start();
  await app.settle(...(await stored));
}
