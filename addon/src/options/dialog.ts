/** The options in a dialog over the page, for the userscript. */

import type { Get } from "../core/backend.ts";
import { diagnose } from "../core/diagnose.ts";
import { useLanguage } from "../core/i18n.ts";
import { h } from "../ui/h.ts";
import { makeRoot } from "../ui/shadow.ts";
import { Form, type FormPlatform } from "./form.ts";
import css from "./options.css";

const DIALOG = `dialog{border:0;border-radius:12px;padding:0;inline-size:min(800px,96vw);max-block-size:92vh;background:#f4f6f8}
@media (prefers-color-scheme: dark){dialog{background:#15171b}}
dialog::backdrop{background:rgb(0 0 0/.45)}
.shut{position:absolute;inset-block-start:14px;inset-inline-end:14px}`;

/** Opens the dialog, unless it is open. `get` is for the test of the backend. */
export async function openDialog(get: Get, platform: Omit<FormPlatform, "test" | "close">): Promise<void> {
  await useLanguage(platform.options.language);
  if (document.querySelector("pitboard-options")) return;
  const host = document.createElement("pitboard-options");
  const root = makeRoot(host, css + DIALOG);
  const main = h("div", { class: "options" });
  const dialog = h("dialog", { "aria-labelledby": "title", closedby: "any" }, main);
  dialog.addEventListener("close", () => host.remove());
  root.append(dialog);
  document.body.append(host);
  new Form(main, { ...platform, test: (address) => diagnose(address, get, true), close: () => dialog.close() });
  dialog.showModal();
}
