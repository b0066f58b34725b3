/** The element that the addon puts beside an author. It has its own shadow root. */

import type { Answer } from "../core/model.ts";
import type { Note } from "../core/notes.ts";
import type { Options, Theme } from "../core/options.ts";
import { trusted } from "./h.ts";
import { badge, line, reservedHeight } from "./line.ts";
import type { View } from "./parts.ts";
import { makeRoot, rootOf } from "./shadow.ts";
import css from "./stats.css";

export const HOST_TAG = "pitboard-stats";

export interface Drawing {
  answer: Answer | null;
  view: View;
  note: Note | undefined;
  theme: Theme;
}

export interface Actions {
  open(): void;
  retry(): void;
  hover(over: boolean): void;
}

/** An empty host with the space that its content will need. */
export function createHost(form: "line" | "badge", name: string, options: Options): HTMLElement {
  const host = document.createElement(HOST_TAG);
  host.dataset.form = form;
  host.dataset.name = name;
  host.dataset.state = "waiting";
  host.style.cssText =
    form === "badge"
      ? "display:inline-block;min-inline-size:58px;block-size:18px;vertical-align:middle"
      : `display:block;flex:1 0 100%;min-block-size:${reservedHeight(form, options)}px`;
  return host;
}

const stateOf = (answer: Answer | null): string =>
  answer === null ? "loading" : "driver" in answer ? answer.driver.state : answer.problem;

let last: { drawing: Drawing; form: string | undefined; box: HTMLElement } | undefined;

const isSame = (a: Drawing, b: Drawing): boolean =>
  a.answer === b.answer &&
  a.view.options === b.view.options &&
  a.view.reader === b.view.reader &&
  a.note === b.note &&
  a.theme === b.theme;

/** The content of a host. The hosts of one author are drawn one after the other, and a copy is faster than a new one. */
function content(form: string | undefined, drawing: Drawing): HTMLElement {
  const { answer, view, note, theme } = drawing;
  if (last && last.form === form && isSame(last.drawing, drawing)) {
    const copy = last.box.cloneNode(true) as HTMLElement;
    copy.querySelector("[aria-expanded]")?.setAttribute("aria-expanded", "false");
    return copy;
  }
  const box = document.createElement("div");
  box.className = `root ${theme}`;
  box.append((form === "badge" ? badge : line)(answer, view, note));
  last = { drawing, form, box };
  return box;
}

/**
 * Draws the host's content. An error for one driver does not stop the others.
 * @param actions what the host's buttons and the pointer do; only those of the first call are used
 */
export function drawHost(host: HTMLElement, drawing: Drawing, actions: Actions): void {
  let root = rootOf(host);
  if (!root) {
    root = makeRoot(host, css);
    watchPointer(host, actions.hover);
    root.addEventListener(
      "click",
      trusted((event: Event) => pressed(event.target as Element, actions)),
    );
  }
  const focused = root.activeElement;
  const expanded = root.querySelector('[aria-expanded="true"]');
  for (const child of [...root.children]) if (child.localName !== "style") child.remove();
  try {
    root.append(content(host.dataset.form, drawing));
    const button = root.querySelector("button");
    if (expanded) button?.setAttribute("aria-expanded", "true");
    if (focused) button?.focus({ preventScroll: true });
  } catch (error) {
    console.warn("Pitboard: cannot show this driver.", error);
  }
  host.dataset.state = stateOf(drawing.answer);
}

/** Opens the card by a click anywhere on the line, other than on a link, or after text was selected. */
function pressed(target: Element, actions: Actions): void {
  if (target.closest(".retry")) actions.retry();
  else if (target.closest("button")) actions.open();
  else if (target.closest(".opens") && !target.closest("a") && getSelection()?.isCollapsed !== false) actions.open();
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
