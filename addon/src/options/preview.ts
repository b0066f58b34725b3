/** The live preview of the options: a line as it would be beside an author. */

import { useLanguage } from "../core/i18n.ts";
import type { Driver } from "../core/model.ts";
import type { Options } from "../core/options.ts";
import base from "../ui/base.css";
import { fitted } from "../ui/fit.ts";
import { h } from "../ui/h.ts";
import lineCss from "../ui/line.css";
import { line } from "../ui/line.ts";
import { addStyles, makeRoot, rootOf } from "../ui/shadow.ts";

const css = base + lineCss;

/** Draws into `box` what `reader` would see of a driver with these options. */
export type Preview = (box: HTMLElement, driver: Driver, reader: Driver, options: Options) => void;

export const preview: Preview = async (box, driver, reader, options) => {
  // the userscript's dialog is another script and has its own language
  await useLanguage(options.language);
  const root = rootOf(box) ?? makeRoot(box, css);
  const { theme } = options;
  const dark = theme === "dark" || (theme === "auto" && matchMedia("(prefers-color-scheme: dark)").matches);
  const view = { options: fitted(options), reader, now: Date.now };
  const shown = line({ driver }, view, undefined);
  root.replaceChildren();
  addStyles(root, css);
  root.append(h("div", { class: `root ${dark ? "dark" : "light"}` }, shown));
  box.classList.toggle("dark", dark);
  for (const inner of shown.querySelectorAll("a, button")) inner.setAttribute("tabindex", "-1");
};
