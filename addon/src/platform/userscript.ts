/** In a userscript: the functions of the script manager, and the platform made of them. */

import type { Backend, Reply } from "../core/backend.ts";
import { readNotes, withNote } from "../core/notes.ts";
import { DEFAULTS, type Options, readOptions } from "../core/options.ts";
import type { Store } from "../core/shelf.ts";
import { fetchGet, LARGEST_ANSWER, REQUEST_TIMEOUT, retrySeconds } from "./get.ts";
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
  onprogress?(progress: { loaded: number }): void;
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
// with a manager, a script of the forum could set it
const demo = typeof pitboardDemo === "undefined" || request || gm.getValue ? undefined : pitboardDemo;

const gmGet = (url: string): Promise<Reply> =>
  new Promise((resolve, reject) => {
    const failed = () => reject(new Error("no answer"));
    const sent = request?.({
      method: "GET",
      url,
      timeout: REQUEST_TIMEOUT,
      anonymous: true,
      onprogress: ({ loaded }) => {
        if (loaded <= LARGEST_ANSWER) return;
        (sent as { abort?(): void } | undefined)?.abort?.();
        failed();
      },
      onload: ({ status, responseText, responseHeaders }) => {
        if (responseText.length > LARGEST_ANSWER) return failed();
        const retryAfter = /^retry-after:\s*(\d+)/im.exec(responseHeaders ?? "")?.[1];
        resolve({ status, body: responseText, retryAfter: retrySeconds(retryAfter) });
      },
      onerror: failed,
      ontimeout: failed,
    });
  });

const parsed = (json: string): unknown => {
  try {
    return JSON.parse(json);
  } catch {
    return null; // another script has written there
  }
};

/** A store in the page's own storage. */
function storeIn(area: Storage): Store {
  const prefix = "pitboard ";
  return {
    read: async (keys) =>
      Object.fromEntries(
        keys.flatMap((key) => {
          const value = area.getItem(prefix + key);
          return value === null ? [] : [[key, parsed(value)]];
        }),
      ),
    write: async (values) => {
      for (const [key, value] of Object.entries(values)) area.setItem(prefix + key, JSON.stringify(value));
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

/** Options and notes are in the manager's storage, which the page cannot read. Only the demo has them in the page's. */
const settings = {
  read: async (key: string): Promise<unknown> =>
    gm.getValue ? gm.getValue(key) : demo && (await local.read([key]))[key],
  write: async (key: string, value: unknown): Promise<void> =>
    gm.setValue ? gm.setValue(key, value) : demo && local.write({ [key]: value }),
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

/** From `pitboard-options.js`, which the manager loads with this script: the backend's client, too, has no room here. */
declare const pitboardOptions: { Backend: typeof Backend } | undefined;

let made: Backend | undefined;

/** The backend's client. Throws without the script that has it. */
function backend(): Backend {
  if (typeof pitboardOptions === "undefined") throw new Error("a script is missing");
  made ??= new pitboardOptions.Backend(async () => (await options()).backend, get, storeIn(sessionStorage), local);
  return made;
}

export async function saveNotes(changed: ReturnType<typeof readNotes>): Promise<void> {
  await settings.write("notes", changed);
  for (const listener of noteListeners) listener(changed);
}

/** All but what is in the second script. */
export const platform: Omit<Platform, "openOptions" | "loadCard"> = {
  drivers: async (names, asking) => backend().drivers(names, asking),
  history: async (custId, category, kind) => backend().history(custId, category, kind),
  flags: null,
  races: async (custId, me) => backend().races(custId, me),
  options,
  notes,
  onOptions: (changed) => void optionListeners.push(changed),
  onNotes: (changed) => void noteListeners.push(changed),
  saveNote: async (name, note) => saveNotes(withNote(await notes(), name, note)),
  hideDriver: async (name) => {
    const current = await options();
    await saveOptions(readOptions({ ...current, hiddenDrivers: [...current.hiddenDrivers, name] }));
  },
};

/** Adds an entry to the script manager's menu. */
export const addMenuCommand = (label: string, run: () => void) => gm.registerMenuCommand?.(label, run);
