/** In a userscript: the functions of the script manager, and the platform made of them. */

import { Backend, type Reply, type Store } from "../core/backend.ts";
import { readNotes, withNote } from "../core/notes.ts";
import { DEFAULTS, type Options, readOptions } from "../core/options.ts";
import { fetchGet, REQUEST_TIMEOUT, retrySeconds } from "./get.ts";
import type { Platform } from "./platform.ts";

interface GmResponse {
  status: number;
  responseText: string;
  responseHeaders: string;
}

interface GmRequest {
  method: "GET";
  url: string;
  timeout: number;
  anonymous: boolean;
  onload(response: GmResponse): void;
  onerror(): void;
  ontimeout(): void;
}

interface Gm {
  xmlHttpRequest?(request: GmRequest): unknown;
  getValue?(key: string): Promise<unknown>;
  setValue?(key: string, value: unknown): Promise<void>;
  registerMenuCommand?(label: string, run: () => void): unknown;
}

declare const GM: Gm | undefined;
declare const GM_xmlhttpRequest: Gm["xmlHttpRequest"];
/** A page of our own (the demo) can name its backend. It needs no script manager. */
declare const pitboardDemo: { backend: string } | undefined;

const gm: Gm = typeof GM === "undefined" ? {} : GM;
const request = gm.xmlHttpRequest ?? (typeof GM_xmlhttpRequest === "undefined" ? undefined : GM_xmlhttpRequest);
const demo = typeof pitboardDemo === "undefined" ? undefined : pitboardDemo;

const gmGet = (url: string): Promise<Reply> =>
  new Promise((resolve, reject) => {
    const failed = () => reject(new Error("no answer"));
    request?.({
      method: "GET",
      url,
      timeout: REQUEST_TIMEOUT,
      anonymous: true,
      onload: ({ status, responseText, responseHeaders }) => {
        const retryAfter = /^retry-after:\s*(\d+)/im.exec(responseHeaders ?? "")?.[1];
        resolve({ status, body: responseText, retryAfter: retrySeconds(retryAfter) });
      },
      onerror: failed,
      ontimeout: failed,
    });
  });

/** A store in the page's own storage. When that is full or forbidden, nothing is stored. */
function storeIn(area: Storage): Store {
  const prefix = "pitboard ";
  return {
    read: async (keys) =>
      Object.fromEntries(
        keys.flatMap((key) => {
          const value = area.getItem(prefix + key);
          return value === null ? [] : [[key, JSON.parse(value)]];
        }),
      ),
    write: async (values) => {
      try {
        for (const [key, value] of Object.entries(values)) area.setItem(prefix + key, JSON.stringify(value));
      } catch {
        // full: the answers are asked for again on the next page
      }
    },
    remove: async (keys) => {
      for (const key of keys) area.removeItem(prefix + key);
    },
    keys: async () =>
      Object.keys(area)
        .filter((key) => key.startsWith(prefix))
        .map((key) => key.slice(prefix.length)),
  };
}

const local = storeIn(localStorage);

/** Options and notes are in the manager's storage, which the page cannot read. The demo has only the page's. */
const settings = {
  read: async (key: string): Promise<unknown> => (gm.getValue ? gm.getValue(key) : (await local.read([key]))[key]),
  write: async (key: string, value: unknown): Promise<void> =>
    gm.setValue ? gm.setValue(key, value) : local.write({ [key]: value }),
};

const optionListeners: ((options: Options) => void)[] = [];
const noteListeners: ((notes: ReturnType<typeof readNotes>) => void)[] = [];

export const options = async (): Promise<Options> => {
  const stored = (await settings.read("options")) ?? DEFAULTS;
  return readOptions(demo ? { ...stored, backend: demo.backend } : stored);
};

export async function saveOptions(changed: Options): Promise<void> {
  await settings.write("options", changed);
  for (const listener of optionListeners) listener(await options());
}

export const notes = async () => readNotes(await settings.read("notes"));

export const get = request ? gmGet : fetchGet;
const backend = new Backend(async () => (await options()).backend, get, storeIn(sessionStorage), local);

export async function saveNotes(changed: ReturnType<typeof readNotes>): Promise<void> {
  await settings.write("notes", changed);
  for (const listener of noteListeners) listener(changed);
}

/** All but what is in the second script. */
export const platform: Omit<Platform, "openOptions" | "loadCard"> = {
  drivers: (names, asking) => backend.drivers(names, asking),
  history: (custId, category, kind) => backend.history(custId, category, kind),
  races: (custId, me) => backend.races(custId, me),
  options,
  notes,
  onOptions: (changed) => void optionListeners.push(changed),
  onNotes: (changed) => void noteListeners.push(changed),
  saveNote: async (name, note) => saveNotes(withNote(await notes(), name, note)),
  hideDriver: async (name) => {
    const current = await options();
    await saveOptions({ ...current, hiddenDrivers: [...current.hiddenDrivers, name] });
  },
};

/** Adds an entry to the script manager's menu. */
export const addMenuCommand = (label: string, run: () => void) => gm.registerMenuCommand?.(label, run);
