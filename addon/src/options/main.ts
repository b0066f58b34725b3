/** The extension's options page. */

import { diagnose } from "../core/diagnose.ts";
import { currentLanguage, useLanguage } from "../core/i18n.ts";
import { readNotes } from "../core/notes.ts";
import { readOptions } from "../core/options.ts";
import { extension } from "../platform/api.ts";
import { fetchGet } from "../platform/get.ts";
import { Form } from "./form.ts";
import css from "./options.css";
import { preview } from "./preview.ts";

const { permissions, storage } = extension;

/** Match patterns hold no port in Firefox, so the permission is for the host. */
const pattern = (address: string): string => {
  const { protocol, hostname } = new URL(address);
  return `${protocol}//${hostname}/*`;
};

async function start(): Promise<void> {
  const main = document.getElementById("options");
  if (!main) return;
  const style = document.createElement("style");
  style.textContent = `${css} body{margin:0;background:#f4f6f8}@media (prefers-color-scheme: dark){body{background:#15171b}}`;
  document.head.append(style);
  const options = readOptions((await storage.sync.get(["options"])).options);
  await useLanguage(options.language);
  document.documentElement.lang = currentLanguage();
  main.className = "options";
  new Form(main, {
    options,
    save: (changed) => void storage.sync.set({ options: changed }),
    notes: async () => readNotes((await storage.local.get(["notes"])).notes),
    saveNotes: (notes) => storage.local.set({ notes }),
    // the request comes first: a browser grants it only straight from a click
    test: async (address) => {
      const allowed = await permissions.request({ origins: [pattern(address)] }).catch(() => false);
      return diagnose(address, fetchGet, allowed);
    },
    preview,
  });
}

void start();
