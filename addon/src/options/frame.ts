/** A dialog over the page, for the userscript. */

import { useLanguage } from "../core/i18n.ts";
import type { Options } from "../core/options.ts";
import { h } from "../ui/h.ts";
import { makeRoot } from "../ui/shadow.ts";
import css from "./options.css";

const DIALOG = `dialog{border:0;border-radius:12px;padding:0;inline-size:min(800px,96vw);max-block-size:92vh;background:#f4f6f8}
@media (prefers-color-scheme: dark){dialog{background:#15171b}}
dialog::backdrop{background:rgb(0 0 0/.45)}
.options .shut{float:inline-end;position:sticky;inset-block-start:14px;z-index:3}`;

/** A dialog over the page; null if one is open. */
export async function openedDialog(
  language: Options["language"],
  moreCss = "",
): Promise<[HTMLDialogElement, HTMLElement] | null> {
  await useLanguage(language);
  if (document.querySelector("pitboard-options")) return null;
  const host = document.createElement("pitboard-options");
  const root = makeRoot(host, css + DIALOG + moreCss);
  const main = h("div", { class: "options" });
  const dialog = h("dialog", { "aria-labelledby": "title", closedby: "any" }, main);
  dialog.addEventListener("close", () => host.remove());
  root.append(dialog);
  document.body.append(host);
  return [dialog, main];
}
