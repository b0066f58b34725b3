/** The extension's options page. */

import { diagnose } from "../core/diagnose.ts";
import { currentLanguage, useLanguage } from "../core/i18n.ts";
import { Form } from "../options/form.ts";
import css from "../options/options.css";
import { preview } from "../options/preview.ts";
import { api, storedNotes, storedOptions } from "../platform/extension.ts";
import { fetchGet } from "../platform/get.ts";
import { SURFACES } from "../site/surfaces.ts";

const { permissions, storage } = api;

/** The match pattern for an address. In Firefox patterns have no port, so it is the whole host. */
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
  const options = await storedOptions();
  await useLanguage(options.language);
  document.documentElement.lang = currentLanguage();
  main.className = "options";
  new Form(main, {
    options,
    surfaces: SURFACES,
    save: (changed) => void storage.sync.set({ options: changed }),
    notes: storedNotes,
    saveNotes: (notes) => storage.local.set({ notes }),
    // asked for first: browsers allow this request only directly after a click
    test: async (address) => {
      const allowed = await permissions.request({ origins: [pattern(address)] }).catch(() => false);
      return diagnose(address, fetchGet, allowed);
    },
    preview,
  });
}

void start();
