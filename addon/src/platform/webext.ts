/** The content script: the page part inside an extension. All fetching is the background's. */

import { run } from "../app.ts";
import type { Answer, History } from "../core/model.ts";
import { readNotes, withNote } from "../core/notes.ts";
import { readOptions } from "../core/options.ts";
import { extension } from "./api.ts";
import type { Platform } from "./platform.ts";

const { runtime, storage } = extension;

/** Asks the background. An extension that was updated meanwhile has cut us off: the page has to be reloaded. */
async function ask<T>(message: { type: string; [key: string]: unknown }): Promise<T> {
  const reply = (await runtime.sendMessage(message)) as { ok: true; value: T } | { ok: false; error: string };
  if (!reply?.ok) throw new Error(reply?.error ?? "no answer");
  return reply.value;
}

const options = async () => readOptions((await storage.sync.get(["options"])).options);
const notes = async () => readNotes((await storage.local.get(["notes"])).notes);

const platform: Platform = {
  drivers: (names, again) =>
    ask<Record<string, Answer>>(again ? { type: "drivers", names, again } : { type: "drivers", names }),
  history: (custId, category, kind) => ask<History>({ type: "history", custId, category, kind }),
  options,
  notes,
  onOptions: (changed) =>
    storage.onChanged.addListener((changes, area) => {
      if (area === "sync" && changes.options) changed(readOptions(changes.options.newValue));
    }),
  onNotes: (changed) =>
    storage.onChanged.addListener((changes, area) => {
      if (area === "local" && changes.notes) changed(readNotes(changes.notes.newValue));
    }),
  saveNote: async (name, note) => storage.local.set({ notes: withNote(await notes(), name, note) }),
  hideDriver: async (name) => {
    const current = await options();
    await storage.sync.set({ options: { ...current, hiddenDrivers: [...current.hiddenDrivers, name] } });
  },
  openOptions: () => void ask({ type: "options" }),
};

void run(platform);
