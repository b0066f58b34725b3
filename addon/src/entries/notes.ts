/** The extension's page of notes and tags. */

import { currentLanguage, useLanguage } from "../core/i18n.ts";
import { tagCss } from "../core/tags.ts";
import notesCss from "../options/notes.css";
import { NotesPage } from "../options/notes.ts";
import css from "../options/options.css";
import { api, storedNotes, storedOptions } from "../platform/extension.ts";
import { FULL } from "../platform/note_sync.ts";
import { h } from "../ui/h.ts";

const { storage } = api;

async function start(): Promise<void> {
  const main = document.getElementById("notes");
  if (!main) return;
  document.head.append(h("style", {}, css + notesCss + tagCss()));
  const options = await storedOptions();
  await useLanguage(options.language);
  document.documentElement.lang = currentLanguage();
  main.className = "options";
  const page = new NotesPage(main, {
    notes: storedNotes,
    saveNotes: (notes) => storage.local.set({ notes }),
    tags: options.tags,
    sync: {
      on: options.syncNotes,
      full: Boolean((await storage.local.get([FULL]))[FULL]),
      set: async (syncNotes) => {
        await storage.sync.set({ options: { ...(await storedOptions()), syncNotes } });
        location.reload();
      },
    },
    saveTags: async (tags) => storage.sync.set({ options: { ...(await storedOptions()), tags } }),
  });
  // written on a card meanwhile
  storage.onChanged.addListener((changes, area) => {
    if (area === "local" && changes.notes && !main.contains(document.activeElement)) void page.show();
  });
}

void start();
