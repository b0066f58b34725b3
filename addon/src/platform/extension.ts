/** In an extension: the APIs that we use, as both browsers have them, and the platform made of them. */

import { flagAt } from "../core/flags.ts";
import type { Answer, History, Results } from "../core/model.ts";
import { readNotes, withNote } from "../core/notes.ts";
import { readOptions } from "../core/options.ts";
import type { Store } from "../core/shelf.ts";
import type { Flags, Platform } from "./platform.ts";

interface StorageArea {
  get(keys: string[] | null): Promise<Record<string, unknown>>;
  set(values: Record<string, unknown>): Promise<void>;
  remove(keys: string[]): Promise<void>;
  getKeys?(): Promise<string[]>;
}

export interface Sender {
  id?: string;
  url?: string;
  tab?: { id?: number };
  frameId?: number;
}

interface Event<T extends (...values: never[]) => unknown> {
  addListener(listener: T): void;
}

interface Api {
  runtime: {
    id?: string;
    sendMessage(message: unknown): Promise<unknown>;
    onMessage: Event<(message: unknown, sender: Sender, respond: (answer: unknown) => void) => boolean | undefined>;
    getURL(path: string): string;
    openOptionsPage(): Promise<void>;
    onInstalled: Event<(details: { reason: string }) => void>;
  };
  storage: {
    local: StorageArea;
    sync: StorageArea;
    session: StorageArea;
    onChanged: Event<(changes: Record<string, { newValue?: unknown; oldValue?: unknown }>, area: string) => void>;
  };
  tabs: { create(tab: { url: string }): Promise<unknown> };
  action: { onClicked: Event<() => void> };
  scripting: {
    executeScript(what: { target: { tabId: number; frameIds: number[] }; files: string[] }): Promise<unknown>;
  };
  permissions: {
    request(wanted: { origins: string[] }): Promise<boolean>;
    contains(wanted: { origins: string[] }): Promise<boolean>;
  };
}

declare const browser: Api | undefined;
declare const chrome: Api;

/** From `card.js`, once the background has put it into the page. */
declare const pitboardCard: unknown;

export const api: Api = typeof browser === "undefined" ? chrome : browser;
const { runtime, storage } = api;

/** The match pattern for an address. In Firefox patterns have no port, so it is the whole host. */
const pattern = (address: string): string => {
  const { protocol, hostname } = new URL(address);
  return `${protocol}//${hostname}/*`;
};

/** Whether the browser lets us use an address. */
export const isAllowed = (address: string): Promise<boolean> =>
  api.permissions.contains({ origins: [pattern(address)] });

/** Asks the reader for the permission to use an address. Browsers allow that only directly after a click. */
export const askPermission = (address: string): Promise<boolean> =>
  api.permissions.request({ origins: [pattern(address)] }).catch(() => false);

export const storeIn = (area: StorageArea): Store => ({
  read: (keys) => (keys.length ? area.get(keys) : Promise.resolve({})),
  write: (values) => area.set(values),
  remove: (keys) => area.remove(keys),
  keys: async () => (area.getKeys ? area.getKeys() : Object.keys(await area.get(null))),
});

export const storedOptions = async () => readOptions((await storage.sync.get(["options"])).options);
export const storedNotes = async () => readNotes((await storage.local.get(["notes"])).notes);

/** Asks the background. Fails when the extension was updated after the page was loaded: the page has to be reloaded. */
async function ask<T>(message: { type: string; [key: string]: unknown }): Promise<T> {
  const reply = (await runtime.sendMessage(message)) as { ok: true; value: T } | { ok: false; error: string };
  if (!reply?.ok) throw new Error(reply?.error ?? "no answer");
  return reply.value;
}

export const flags: Flags = (code) => {
  const at = flagAt(code);
  return (
    at && {
      backgroundImage: `url("${runtime.getURL("flags.webp")}")`,
      backgroundPosition: `${at[0] * 100}% ${at[1] * 100}%`,
    }
  );
};

const isOutdated = (): boolean => !runtime?.id;

/** For content scripts. The background does all fetching. */
export const platform: Platform = {
  isOutdated,
  drivers: async (names, asking) => {
    const asked = ask<[string, Answer][]>({ type: "drivers", names, ...asking });
    return Object.fromEntries(
      await asked.catch((error: unknown): [string, Answer][] => {
        if (!isOutdated()) throw error;
        return names.map((name) => [name, { problem: "updated", retryAfter: null }]);
      }),
    );
  },
  history: (custId, category, kind) => ask<History>({ type: "history", custId, category, kind }),
  races: (custId, me) => ask<Results>({ type: "races", custId, me }),
  options: storedOptions,
  notes: storedNotes,
  onOptions: (changed) =>
    storage.onChanged.addListener((changes, area) => {
      if (area === "sync" && changes.options) changed(readOptions(changes.options.newValue));
    }),
  onNotes: (changed) =>
    storage.onChanged.addListener((changes, area) => {
      if (area === "local" && changes.notes) changed(readNotes(changes.notes.newValue));
    }),
  saveNote: async (name, note) => storage.local.set({ notes: withNote(await storedNotes(), name, note) }),
  hideDriver: async (name) => {
    const options = await storedOptions();
    await storage.sync.set({ options: readOptions({ ...options, hiddenDrivers: [...options.hiddenDrivers, name] }) });
  },
  flags,
  openOptions: (allow = false) => void ask({ type: "options", allow }),
  loadCard: async () => {
    await ask({ type: "card" });
    if (typeof pitboardCard === "undefined") throw new Error("no card");
    return pitboardCard;
  },
};
