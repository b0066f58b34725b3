/** The part of the addon on the page: finds mount points, puts hosts there, loads their drivers and draws them. */

import { useLanguage } from "./core/i18n.ts";
import { Loader } from "./core/loader.ts";
import { type Answer, type Driver, isPutOff, isTrouble, isUnfinished } from "./core/model.ts";
import { nameKey } from "./core/names.ts";
import { type Note, noteOf } from "./core/notes.ts";
import { DEFAULTS, isOn, type Options, type Theme } from "./core/options.ts";
import type { Platform } from "./platform/platform.ts";
import { expectsAuthors, ownName } from "./site/page.ts";
import type { MountPoint } from "./site/surface.ts";
import { SURFACES, scopeOf } from "./site/surfaces.ts";
import { detectTheme } from "./site/theme.ts";
import { Watcher } from "./site/watch.ts";
import { lastSpace, spaceOf, storeSpace } from "./space.ts";
import { Banner } from "./ui/banner.ts";
import { fitted, NARROW } from "./ui/fit.ts";
import { createHost, drawHost, HOST_TAG } from "./ui/host.ts";
import { LazyCard } from "./ui/lazy_card.ts";
import { useFlags, type View } from "./ui/parts.ts";
import { keepPrivate, rootOf } from "./ui/shadow.ts";

/** How often a host that another script removes is put back. */
const MAX_REMOUNTS = 5;
/** Milliseconds before a driver without an answer is shown as loading. */
const LOADING_DELAY = 200;

/** Milliseconds after which a page that fades into other colours has them. */
const TRANSITION = 1000;

/** A host on the page. */
interface Mount {
  point: MountPoint;
  host: HTMLElement;
  /** How often it was put back. */
  remounts: number;
}

/** Whether the lines show races or cars: they are in the profile, which takes the backend a call for each driver. */
const showsProfiles = ({ layout, races, cars }: Options): boolean => layout !== "compact" && (races || cars);

/** Resolves when the reader can see the page. */
const pageVisible = () =>
  new Promise<void>((resolve) => {
    if (!document.hidden) resolve();
    else document.addEventListener("visibilitychange", () => resolve(), { once: true });
  });

export class App {
  readonly #platform: Platform;
  readonly #loader: Loader;
  readonly #mounts = new Map<Element, Mount>();
  readonly #byHost = new WeakMap<Element, Mount>();
  readonly #byName = new Map<string, Set<Mount>>();
  /** Tells which hosts are on the screen or near it. */
  readonly #visibility: IntersectionObserver;
  /** Tells which hosts are below the screen. */
  readonly #below: IntersectionObserver;
  readonly #watcher: Watcher;
  readonly #card: LazyCard;
  readonly #banner: Banner;
  #theme: Theme | null = null;
  #themeTimer = 0;
  #readerName = "";
  #reader: Driver | null = null;

  #options: Options = DEFAULTS;
  /** The options without a layout for this window. */
  #stored: Options = DEFAULTS;
  #width: MediaQueryList | null = null;
  /** Whether `#options` are the reader's, or at least need the same space. */
  #hasOptions = false;
  #notes: Record<string, Note> = {};
  #settled: () => void = () => {};
  /** Resolves when the stored options and notes are here: they say what is asked for, and of whom. */
  readonly #ready: Promise<void>;

  constructor(platform: Platform) {
    this.#platform = platform;
    this.#ready = new Promise<void>((resolve) => {
      this.#settled = resolve;
    });
    this.#loader = new Loader({
      ask: (names, asking) => this.#ready.then(() => platform.drivers(names, asking)),
      answered: (name) => this.#answered(name),
      profiles: () => showsProfiles(this.#options),
      visible: pageVisible,
      trouble: (trouble, retryAfter) => this.#banner.show(trouble, retryAfter),
    });
    this.#banner = new Banner({
      theme: () => this.#theme ?? "light",
      retry: () => this.#loader.retryAll(),
      options: (allow) => platform.openOptions(allow),
    });
    this.#visibility = new IntersectionObserver((entries) => this.#visible(entries), { rootMargin: "600px 0px" });
    this.#below = new IntersectionObserver((entries) => this.#fit(entries));
    this.#watcher = new Watcher(
      (roots) => this.#search(roots),
      (host) => this.#removed(host),
    );
    this.#card = new LazyCard(
      platform,
      {
        view: (name) => this.#view(name),
        theme: () => this.#theme ?? "light",
        note: (name) => noteOf(this.#notes, name),
        reload: (name) => this.#loader.reload(name),
        load: (name) => void this.#loader.loadProfile(name),
        reader: () => this.#ownName(),
        opener: (host) => rootOf(host)?.querySelector<HTMLElement>("[aria-expanded]"),
        announce: (text) => this.#banner.say(text),
        isLoading: (name) => this.#loader.isLoading(name),
        answer: (name) => this.#loader.answer(name),
      },
      () => {
        if (platform.isOutdated?.()) this.#banner.show("updated");
      },
    );
  }

  start(): void {
    keepPrivate();
    this.#platform.onOptions((options) => void this.#restart(options));
    this.#platform.onNotes((notes) => {
      this.#notes = notes;
      for (const mount of this.#mounts.values()) this.#draw(mount);
    });
    matchMedia("(prefers-color-scheme: dark)").addEventListener("change", () => this.#themeChanged());
    this.#watcher.start(() => this.#themeChanged());
    const report = () => setTimeout(() => this.#reportMissing(), 3000);
    if (document.readyState === "complete") report();
    else addEventListener("load", report, { once: true });
  }

  /** Takes the stored options and notes. From now on the backend is asked for names. */
  async settle(stored: Options, notes: Record<string, Note>): Promise<void> {
    const options = this.#fitted(stored);
    this.#notes = notes;
    this.#hasOptions = true;
    const { opener } = this.#options;
    if (spaceOf(options) !== spaceOf(this.#options) || options.opener !== opener) await this.#restart(stored);
    if (options.theme !== this.#options.theme) this.#theme = null;
    this.#options = options;
    await useLanguage(options.language);
    for (const mount of [...this.#mounts.values()]) if (this.#isHidden(mount.point)) this.#unmount(mount);
    this.#settled();
  }

  #view(name: string): View {
    const self = nameKey(name) === nameKey(this.#readerName);
    return { options: this.#options, reader: self ? null : this.#reader, now: Date.now };
  }

  /** The options with the layout for this window, also after the window has become narrow or wide. */
  #fitted(options: Options): Options {
    this.#stored = options;
    if (options.layout === "auto" && !this.#width) {
      this.#width = matchMedia(NARROW);
      this.#width.addEventListener("change", () => void this.#restart(this.#stored));
    }
    return fitted(options);
  }

  async #restart(stored: Options): Promise<void> {
    const options = this.#fitted(stored);
    storeSpace(stored);
    await useLanguage(options.language);
    const otherBackend = options.backend !== this.#options.backend;
    this.#options = options;
    this.#theme = null;
    this.#readerName = "";
    this.#reader = null;
    this.#card.close();
    if (otherBackend) {
      this.#loader.clear();
      this.#banner.show(null);
    }
    this.#keepPlace(() => {
      for (const mount of [...this.#mounts.values()]) this.#unmount(mount);
      this.#loadReader();
      this.#search([document.documentElement]);
    });
    this.#banner.redraw();
  }

  /**
   * Makes a change after which lines have other heights. The first post that begins on the screen stays where it is: the
   * browser alone would keep what it sees first, which may be the end of the line above.
   */
  #keepPlace(change: () => void): void {
    const top = (post: Element) => post.getBoundingClientRect().top;
    const first = [...this.#mounts.keys()].find((post) => top(post) >= 0);
    const before = first ? top(first) : 0;
    change();
    if (first) scrollBy({ top: top(first) - before, behavior: "instant" });
  }

  /** The page's colours may have changed, at once or in a transition. */
  #themeChanged(): void {
    this.#checkTheme();
    clearTimeout(this.#themeTimer);
    this.#themeTimer = window.setTimeout(() => this.#checkTheme(), TRANSITION);
  }

  /** Draws everything again if the page has become light or dark. Before anything is drawn, nothing is calculated. */
  #checkTheme(): void {
    const [first] = this.#mounts.values();
    if (!first || !this.#theme) return;
    const theme = detectTheme(this.#options.theme, first.host.parentElement);
    if (theme === this.#theme) return;
    this.#theme = theme;
    for (const mount of this.#mounts.values()) if (rootOf(mount.host)) this.#draw(mount);
    this.#card.update();
    this.#banner.redraw();
  }

  /** One line in the console when nothing shows, for example after the forum has changed its markup. */
  #reportMissing(): void {
    if (this.#mounts.size || !expectsAuthors(location.pathname)) return;
    console.info("Pitboard: found no authors on this page.");
  }

  #search(roots: Iterable<Element>): void {
    const found = new Set<Element>();
    for (const surface of SURFACES) {
      if (!isOn(this.#options, surface) || surface.on?.(location.pathname) === false) continue;
      for (const root of roots) {
        for (const point of surface.find(root)) {
          if (!this.#hasOptions) {
            this.#startWithLastSpace(roots);
            return;
          }
          found.add(point.container);
          this.#mount(point);
        }
      }
    }
    this.#unmountOthers(found, [...roots]);
  }

  /** Removes the hosts of what has left the page, and of what has no author any more. */
  #unmountOthers(found: Set<Element>, searched: Element[]): void {
    for (const [container, mount] of this.#mounts) {
      const isGone = !container.isConnected || searched.some((root) => root.contains(container));
      if (isGone && !found.has(container)) this.#unmount(mount);
    }
  }

  /** There are posts, and a frame is about to be painted, but the stored options are not here yet. */
  #startWithLastSpace(roots: Iterable<Element>): void {
    this.#hasOptions = true;
    this.#options = this.#fitted(lastSpace());
    this.#search(roots);
  }

  #mount(point: MountPoint): void {
    const known = this.#mounts.get(point.container);
    if (known?.point.name === point.name && known.host.isConnected) return;
    if (known) this.#unmount(known);
    if (point.form === "badge" && point.container.nextElementSibling?.localName === HOST_TAG) {
      // the forum replaced the link: the badge of the old link is still there
      point.container.nextElementSibling.remove();
    }
    if (this.#isHidden(point)) return;
    const mount: Mount = {
      point,
      host: createHost(point.form, point.name, this.#options),
      remounts: known?.point.name === point.name ? known.remounts + 1 : 0,
    };
    if (mount.remounts > MAX_REMOUNTS) return;
    this.#mounts.set(point.container, mount);
    this.#byHost.set(mount.host, mount);
    const same = this.#byName.get(point.name) ?? new Set();
    this.#byName.set(point.name, same.add(mount));
    point.mount(mount.host);
    this.#loader.add(point.name);
    this.#visibility.observe(mount.host);
    if (this.#loader.answer(point.name)) this.#draw(mount);
  }

  #unmount(mount: Mount): void {
    const { point, host } = mount;
    this.#visibility.unobserve(host);
    this.#below.unobserve(host);
    host.remove();
    this.#mounts.delete(point.container);
    const same = this.#byName.get(point.name);
    same?.delete(mount);
    if (same?.size !== 0) return;
    this.#byName.delete(point.name);
    this.#loader.remove(point.name);
  }

  #isHidden({ name, form }: MountPoint): boolean {
    const key = nameKey(name);
    if (this.#options.hiddenDrivers.some((hidden) => nameKey(hidden) === key)) return true;
    return this.#options.hideOwn && form === "line" && key === nameKey(this.#ownName());
  }

  #ownName(): string {
    this.#readerName ||= this.#options.me || ownName();
    return this.#readerName;
  }

  #removed(host: Element): void {
    const mount = this.#byHost.get(host);
    const container = mount?.point.container;
    if (container?.isConnected && this.#mounts.get(container) === mount) this.#search([scopeOf(container)]);
  }

  /** Shows as loading what has no answer yet. Most drivers have one before this, so that nothing flickers. */
  #drawLoading(mounts: Mount[]): void {
    for (const mount of mounts) {
      if (mount.host.isConnected && !this.#loader.answer(mount.point.name)) this.#draw(mount);
    }
  }

  #visible(entries: IntersectionObserverEntry[]): void {
    const seen: Mount[] = [];
    const waiting: Mount[] = [];
    for (const entry of entries) {
      const mount = this.#byHost.get(entry.target);
      if (!entry.isIntersecting || !mount) continue;
      this.#visibility.unobserve(entry.target);
      // the layout is up to date here, so that reading the page's colours costs nothing
      this.#theme ??= detectTheme(this.#options.theme, mount.host.parentElement);
      seen.push(mount);
      if (!this.#loader.answer(mount.point.name)) waiting.push(mount);
    }
    void this.#ready.then(() => this.#load(seen));
    if (waiting.length) setTimeout(() => this.#drawLoading(waiting), LOADING_DELAY);
    this.#loadReader();
  }

  /** Takes the space away that hosts below the screen do not need: nothing that the reader sees moves. */
  #fit(entries: IntersectionObserverEntry[]): void {
    for (const { target, boundingClientRect, rootBounds } of entries) {
      if (boundingClientRect.top < (rootBounds?.bottom ?? innerHeight)) continue;
      this.#below.unobserve(target);
      (target as HTMLElement).style.minBlockSize = "";
    }
  }

  /** Loads those that are still on the page: other options may have removed or replaced them. */
  #load(mounts: Mount[]): void {
    for (const mount of mounts) {
      if (this.#mounts.get(mount.point.container) === mount) this.#loader.load(mount.point.name);
    }
  }

  /** Loads the reader's own stats, if others are compared with them. */
  #loadReader(): void {
    const name = this.#options.compare && !this.#reader ? this.#ownName() : "";
    if (!name) return;
    const answer = this.#loader.answer(name);
    if (answer && "driver" in answer) this.#reader = answer.driver;
    else this.#loader.load(name);
  }

  #answered(name: string): void {
    const answer = this.#loader.answer(name);
    if (this.#readerName === name && answer && "driver" in answer && !this.#reader) {
      this.#reader = answer.driver;
      for (const mount of this.#mounts.values()) if (this.#loader.answer(mount.point.name)) this.#draw(mount);
    }
    for (const mount of this.#byName.get(name) ?? []) this.#draw(mount);
    this.#card.update(name);
  }

  #draw({ point: { name, form }, host }: Mount): void {
    this.#theme ??= detectTheme(this.#options.theme, host.parentElement);
    const answer = this.#loader.answer(name);
    const drawing = {
      name,
      answer,
      view: this.#view(name),
      note: noteOf(this.#notes, name),
      theme: this.#theme,
    };
    drawHost(host, drawing, {
      open: () => this.#card.toggle(name, host),
      hover: this.#options.opener === "hover" ? (over) => this.#card.hover(name, host, over) : undefined,
      retry: () => void this.#loader.reload(name),
    });
    if (form === "line" && this.#options.layout !== "compact" && answer && !this.#canGrow(answer))
      this.#below.observe(host);
  }

  /** Whether a line may need more space later. */
  #canGrow(answer: Answer): boolean {
    if (isUnfinished(answer, showsProfiles(this.#options)) || isPutOff(answer)) return true;
    return "problem" in answer && isTrouble(answer.problem);
  }
}

/** Waits for the page's root element. */
const rootElement = () =>
  new Promise<void>((resolve) => {
    const observer = new MutationObserver(() => {
      if (!document.documentElement) return; // the doctype comes first
      observer.disconnect();
      resolve();
    });
    observer.observe(document, { childList: true });
  });

/**
 * Starts the addon on the page. The stored options come some milliseconds later. Posts that are painted before that have
 * the space of the reader's last page, so that nothing moves.
 */
export async function run(platform: Platform): Promise<void> {
  // some script managers start before the page has anything
  if (!document.documentElement) await rootElement();
  // asked for first, so that they load while the rest starts
  const stored = Promise.all([platform.options(), platform.notes()]);
  useFlags(platform.flags);
  const app = new App(platform);
  app.start();
  await app.settle(...(await stored));
}
