/** The extension's options page. */

import names from "virtual:surface-names";
import { diagnose } from "../core/diagnose.ts";
import { currentLanguage, t, useLanguage, useMessages } from "../core/i18n.ts";
import { Form } from "../options/form.ts";
import css from "../options/options.css";
import { preview } from "../options/preview.ts";
import { api, askPermission, flags, isAllowed, storedNotes, storedOptions } from "../platform/extension.ts";
import { fetchGet } from "../platform/get.ts";
import { h } from "../ui/h.ts";
import { useFlags } from "../ui/parts.ts";

const { storage } = api;

/** From `words.js`. */
declare const pitboardWords: typeof import("./words.ts");

async function start(): Promise<void> {
  useMessages(pitboardWords.messages);
  const main = document.getElementById("options");
  if (!main) return;
  const style = document.createElement("style");
  style.textContent = css;
  document.head.append(style);
  const options = await storedOptions();
  await useLanguage(options.language);
  document.documentElement.lang = currentLanguage();
  main.className = "options";
  useFlags(flags);
  new Form(main, {
    options,
    surfaces: names,
    save: (changed) => storage.sync.set({ options: changed }),
    notes: storedNotes,
    saveNotes: (notes) => storage.local.set({ notes }),
    // asked for first: browsers allow this request only directly after a click
    test: async (address) => diagnose(address, fetchGet, await askPermission(address)),
    forbidden: location.hash === "#allow" && !(await isAllowed(options.backend)),
    preview,
  });
  const pages = [
    h("a", { href: "notes.html", target: "_blank" }, t("manage_notes")),
    h("a", { href: "demo.html", target: "_blank" }, t("demo")),
  ];
  main.append(h("nav", { class: "pages", "aria-label": "Pitboard" }, ...pages));
}

void start().then(() => {
  if (location.hash === "#allow") document.getElementById("test")?.focus();
});
