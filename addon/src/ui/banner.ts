/** What concerns the whole page: one banner while the backend cannot be used, and the page's one live region. */

import { formatDate, type MessageKey, t } from "../core/i18n.ts";
import type { Trouble } from "../core/model.ts";
import type { Theme } from "../core/options.ts";
import css from "./banner.css";
import base from "./base.css";
import { button, h } from "./h.ts";
import { icon } from "./icons.ts";
import { makeRoot } from "./shadow.ts";

interface Actions {
  theme(): Theme;
  retry(): void;
  /** Opens the options, or the page that asks for the permission again. */
  options(allow: boolean): void;
}

const TEXTS: Record<Trouble, MessageKey> = {
  unreachable: "backend_unreachable",
  waiting: "backend_waiting",
  forbidden: "backend_forbidden",
  updated: "extension_updated",
};

/** A time of today in the reader's time zone, with seconds: a pause is often short. */
const CLOCK: Intl.DateTimeFormatOptions = { hour: "2-digit", minute: "2-digit", second: "2-digit" };

export class Banner {
  readonly #actions: Actions;
  readonly #live = h("p", { class: "live", role: "status" });
  #box: HTMLElement | null = null;
  #shown: Trouble | null = null;
  #text = "";
  #dismissed = false;

  constructor(actions: Actions) {
    this.#actions = actions;
  }

  /** Says something to readers who use a screen reader. */
  say(text: string): void {
    this.#place();
    // a region that is new on the page is not read out
    setTimeout(() => {
      this.#live.textContent = text;
    }, 100);
  }

  /**
   * Shows what is wrong, or nothing. What the reader has closed stays closed until all is well again.
   * @param retryAfter seconds for which the backend asks to wait
   */
  show(trouble: Trouble | null, retryAfter = 0): void {
    if (!trouble) this.#dismissed = false;
    const until = trouble === "waiting" ? formatDate(Date.now() + retryAfter * 1000, CLOCK) : "";
    const text = trouble ? t(TEXTS[trouble], until) : "";
    if (text === this.#text || this.#dismissed) return;
    const isOther = trouble !== this.#shown;
    this.#shown = trouble;
    this.#text = text;
    this.#draw();
    if (text && isOther) this.say(text);
  }

  /** Draws what is shown anew, in the theme of now. */
  redraw(): void {
    if (this.#shown) this.#draw();
  }

  #place(): HTMLElement {
    if (this.#box) return this.#box;
    const host = document.createElement("pitboard-banner");
    this.#box = h("div");
    makeRoot(host, base + css).append(this.#box, this.#live);
    document.body.append(host);
    return this.#box;
  }

  /** What the reader can do. A pause that the backend asks for ends by itself, and no button ends it. */
  #buttons(trouble: Trouble): Node[] {
    if (trouble === "updated") return [button({ onclick: () => location.reload() }, t("reload_page"))];
    const forbidden = trouble === "forbidden";
    const options = button({ onclick: () => this.#actions.options(forbidden) }, t(forbidden ? "allow" : "options"));
    return trouble === "waiting"
      ? [options]
      : [options, button({ onclick: () => this.#actions.retry() }, t("retry_all"))];
  }

  #draw(): void {
    const box = this.#place();
    const trouble = this.#shown;
    box.replaceChildren();
    box.className = "";
    if (!trouble) return;
    box.className = `root banner ${this.#actions.theme()}`;
    box.append(
      h("span", {}, `Pitboard: ${this.#text}`),
      ...this.#buttons(trouble),
      button(
        {
          class: "shut",
          "aria-label": t("close"),
          title: t("close"),
          onclick: () => {
            this.#dismissed = true;
            this.#shown = null;
            this.#text = "";
            this.#draw();
          },
        },
        icon("close"),
      ),
    );
  }
}
