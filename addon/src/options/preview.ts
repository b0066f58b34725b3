/** The live preview of the options: a line as it would stand beside an author. */

import { useLanguage } from "../core/i18n.ts";
import type { Driver } from "../core/model.ts";
import type { Options } from "../core/options.ts";
import { h } from "../ui/h.ts";
import { line } from "../ui/line.ts";
import { dress } from "../ui/sheet.ts";
import css from "../ui/stats.css";

/** Draws into `place` what a reader `me` with these options would see of a driver. */
export type Preview = (place: HTMLElement, driver: Driver, me: Driver, options: Options) => void;

export const preview: Preview = async (place, driver, me, options) => {
  // the userscript's dialog is a script of its own, with a language of its own
  await useLanguage(options.language);
  const root = place.shadowRoot ?? place.attachShadow({ mode: "open" });
  const { theme } = options;
  const dark = theme === "dark" || (theme === "auto" && matchMedia("(prefers-color-scheme: dark)").matches);
  const view = { options, me, now: Date.now };
  const shown = line({ driver }, view, undefined);
  root.replaceChildren();
  dress(root, css);
  root.append(h("div", { class: `root ${dark ? "dark" : "light"}` }, shown));
  place.classList.toggle("dark", dark);
  for (const inner of shown.querySelectorAll("a, button")) inner.setAttribute("tabindex", "-1");
};
