/** The element that the addon puts beside an author. It has its own shadow root. */

import type { Answer } from "../core/model.ts";
import type { Note } from "../core/notes.ts";
import type { Options, Theme } from "../core/options.ts";
import base from "./base.css";
import { copyOf, trusted } from "./h.ts";
import css from "./line.css";
import { badge, line, reservedHeight } from "./line.ts";
import type { View } from "./parts.ts";
import { makeRoot, rootOf } from "./shadow.ts";

export const HOST_TAG = "pitboard-stats";

/** The size of the text that will be in a host, as in base.css: its space is in em of that. */
const FONT = "font-size:max(12.5px,0.78125rem)";

export interface Drawing {
  /** The author's name, as the page has it. */
  name: string;
  answer: Answer | null;
  view: View;
  note: Note | undefined;
  theme: Theme;
}

export interface Actions {
  open(): void;
  retry(): void;
  /** Only if a card opens by hovering. */
  hover?: ((over: boolean) => void) | undefined;
}

/** An empty host with the space that its content will need. */
export function createHost(form: "line" | "badge", name: string, options: Options): HTMLElement {
  const height = reservedHeight(form, options);
  const style =
    form === "badge"
      ? `${FONT};display:inline-block;min-inline-size:4.64em;block-size:${height};vertical-align:middle`
      : `${FONT};display:block;flex:1 0 100%;min-block-size:${height}`;
  const host = copyOf(`host ${style}`, () => {
    const first = document.createElement(HOST_TAG);
    first.style.cssText = style;
    first.dataset.form = form;
    first.dataset.state = "new";
    return first;
  });
  host.dataset.name = name;
  return host;
}

const stateOf = (answer: Answer | null): string =>
  answer === null ? "loading" : "driver" in answer ? answer.driver.state : answer.problem;

let last: { drawing: Drawing; form: string | undefined; box: HTMLElement } | undefined;

const isSame = (a: Drawing, b: Drawing): boolean =>
  a.name === b.name &&
  a.answer === b.answer &&
  a.view.options === b.view.options &&
  a.view.reader === b.view.reader &&
  a.note === b.note &&
  a.theme === b.theme;

/** The content of a host. The hosts of one author are drawn one after the other, and a copy is faster than a new one. */
function content(form: string | undefined, drawing: Drawing): HTMLElement {
  const { name, answer, view, note, theme } = drawing;
  if (last && last.form === form && isSame(last.drawing, drawing)) {
    const copy = last.box.cloneNode(true) as HTMLElement;
    copy.querySelector("[aria-expanded]")?.setAttribute("aria-expanded", "false");
    return copy;
  }
  const box = document.createElement("div");
  box.className = `root ${theme}`;
  box.append((form === "badge" ? badge : line)(answer, view, note, name));
  last = { drawing, form, box };
  return box;
}

/**
 * Draws the host's content. An error for one driver does not stop the others.
 * @param actions what the host's buttons and the pointer do; only those of the first call are used
 */
export function drawHost(host: HTMLElement, drawing: Drawing, actions: Actions): void {
  try {
    const root = rootOf(host);
    const box = content(host.dataset.form, drawing);
    if (root) replace(root, box);
    else newRoot(host, actions).append(box);
  } catch (error) {
    console.warn("Pitboard: cannot show this driver.", error);
  }
  host.dataset.state = stateOf(drawing.answer);
}

function newRoot(host: HTMLElement, actions: Actions): ShadowRoot {
  const root = makeRoot(host, base + css);
  if (actions.hover) watchPointer(host, actions.hover);
  root.addEventListener(
    "click",
    trusted((event: Event) => pressed(event.target as Element, actions)),
  );
  return root;
}

/** Replaces what a root shows. The focus stays, and the mark of an open card. */
function replace(root: ShadowRoot, box: HTMLElement): void {
  const focused = root.activeElement;
  const expanded = root.querySelector('[aria-expanded="true"]');
  for (const child of [...root.children]) if (child.localName !== "style") child.remove();
  root.append(box);
  const button = root.querySelector("button");
  if (expanded) button?.setAttribute("aria-expanded", "true");
  if (focused) button?.focus({ preventScroll: true });
}

/** Opens the card by a click anywhere on the line, other than on a link, or after text was selected. */
function pressed(target: Element, actions: Actions): void {
  if (target.closest(".retry")) actions.retry();
  else if (target.closest(".swap")) swapLists(target.closest(".swap"));
  else if (target.closest("button")) actions.open();
  else if (target.closest(".opens") && !target.closest("a") && getSelection()?.isCollapsed !== false) actions.open();
}

/** Shows the recent cars in place of the races, or the races again. */
function swapLists(button: Element | null): void {
  const pressed = button?.getAttribute("aria-pressed") === "true";
  button?.setAttribute("aria-pressed", String(!pressed));
  for (const list of button?.closest(".line")?.querySelectorAll<HTMLElement>(".cars, .races") ?? [])
    list.hidden = list.classList.contains("cars") === pressed;
}

/** Milliseconds for which the pointer must stay. */
const HOVER_DELAY = 450;

/**
 * Calls `hover(true)` when the pointer stays on the host, and `hover(false)` when it leaves. The page may bring the host
 * under the pointer by scrolling: then the pointer has to move first, and scrolling starts the wait again.
 */
function watchPointer(host: HTMLElement, hover: (over: boolean) => void): void {
  let timer = 0;
  const stop = () => {
    clearTimeout(timer);
    timer = 0;
  };
  host.addEventListener(
    "pointermove",
    trusted(({ pointerType }: PointerEvent) => {
      if (pointerType !== "mouse" || timer) return;
      timer = window.setTimeout(() => hover(true), HOVER_DELAY);
      addEventListener("scroll", stop, { capture: true, once: true, passive: true });
    }),
  );
  host.addEventListener("pointerleave", () => {
    stop();
    hover(false);
  });
}
