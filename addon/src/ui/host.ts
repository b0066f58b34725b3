/** The one element that the addon puts beside an author, with a shadow root of its own. */

import type { Answer } from "../core/model.ts";
import type { Note } from "../core/notes.ts";
import type { Options } from "../core/options.ts";
import type { Theme } from "../site/theme.ts";
import { badge, type LineActions, line, reservedHeight } from "./line.ts";
import type { View } from "./parts.ts";
import { dress } from "./sheet.ts";
import css from "./stats.css";

export const HOST_TAG = "pitboard-stats";

export interface Drawing {
  answer: Answer | null;
  view: View;
  note: Note | undefined;
  theme: Theme;
  actions: LineActions & { hover(over: boolean): void };
}

/** An empty host that already takes the room it will need. */
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

/** Draws the host's content anew. Bad data for one driver never stops the others. */
export function drawHost(host: HTMLElement, drawing: Drawing): void {
  const { answer, view, note, theme, actions } = drawing;
  let root = host.shadowRoot;
  if (!root) {
    root = host.attachShadow({ mode: "open" });
    dress(root, css);
    hoverIntent(host, actions.hover);
  }
  const draw = host.dataset.form === "badge" ? badge : line;
  const box = document.createElement("div");
  box.className = `root ${theme}`;
  try {
    box.append(draw(answer, view, note, actions));
  } catch (error) {
    console.warn("Pitboard: cannot show this driver.", error);
  }
  for (const child of [...root.children]) if (child.localName !== "style") child.remove();
  root.append(box);
  host.dataset.state = stateOf(answer);
}

const INTENT = 450;

/** Tells of a pointer that rests on the line, not of one that passes. */
function hoverIntent(host: HTMLElement, tell: (over: boolean) => void): void {
  let timer = 0;
  const stop = () => {
    clearTimeout(timer);
    timer = 0;
  };
  host.addEventListener("pointerenter", (event) => {
    if (event.pointerType !== "mouse") return;
    stop();
    timer = window.setTimeout(() => tell(true), INTENT);
  });
  host.addEventListener("pointerleave", () => {
    stop();
    tell(false);
  });
}
