/** The userscript: page part and backend client in one, over what the script manager offers. */

import { run } from "../app.ts";
import { Backend, type Reply, type Shelf } from "../core/backend.ts";
import { t } from "../core/i18n.ts";
import { readNotes, withNote } from "../core/notes.ts";
import { DEFAULTS, type Options, readOptions } from "../core/options.ts";
import type * as dialog from "../options/dialog.ts";
import { preview } from "../options/preview.ts";
import { fetchGet, PATIENCE, retrySeconds } from "./get.ts";
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
/** A page of our own (the demo) can name its backend; it then needs no script manager. */
declare const pitboardDemo: { backend: string } | undefined;

/** `pitboard-options.js`, which the manager loads with this script (`@require`). */
declare const pitboardOptions: typeof dialog | undefined;

const gm: Gm = typeof GM === "undefined" ? {} : GM;
const request = gm.xmlHttpRequest ?? (typeof GM_xmlhttpRequest === "undefined" ? undefined : GM_xmlhttpRequest);
const demo = typeof pitboardDemo === "undefined" ? undefined : pitboardDemo;

const gmGet = (url: string): Promise<Reply> =>
  new Promise((resolve, reject) => {
    const failed = () => reject(new Error("no answer"));
    request?.({
      method: "GET",
      url,
      timeout: PATIENCE,
      anonymous: true,
      onload: ({ status, responseText, responseHeaders }) => {
        const retryAfter = /^retry-after:\s*(\d+)/im.exec(responseHeaders ?? "")?.[1];
        resolve({ status, body: responseText, retryAfter: retrySeconds(retryAfter) });
      },
      onerror: failed,
      ontimeout: failed,
    });
  });

/** The page's own storage as a shelf; full or forbidden storage only costs us the keeping. */
function pageShelf(area: Storage): Shelf {
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
        // full: the answers are asked for again next time
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

const local = pageShelf(localStorage);

/** Options and notes: in the manager's storage, which the page cannot read; in the demo, in the page's. */
const settings = {
  read: async (key: string): Promise<unknown> => (gm.getValue ? gm.getValue(key) : (await local.read([key]))[key]),
  write: async (key: string, value: unknown): Promise<void> =>
    gm.setValue ? gm.setValue(key, value) : local.write({ [key]: value }),
};

const optionListeners: ((options: Options) => void)[] = [];
const noteListeners: ((notes: ReturnType<typeof readNotes>) => void)[] = [];

const options = async (): Promise<Options> => {
  const stored = (await settings.read("options")) ?? DEFAULTS;
  return readOptions(demo ? { ...stored, backend: demo.backend } : stored);
};

async function saveOptions(changed: Options): Promise<void> {
  await settings.write("options", changed);
  for (const tell of optionListeners) tell(await options());
}

const notes = async () => readNotes(await settings.read("notes"));

const get = request ? gmGet : fetchGet;
const backend = new Backend(async () => (await options()).backend, get, pageShelf(sessionStorage), local);

async function saveNotes(changed: ReturnType<typeof readNotes>): Promise<void> {
  await settings.write("notes", changed);
  for (const tell of noteListeners) tell(changed);
}

/** The options in a dialog over the page. */
async function openDialog(): Promise<void> {
  if (typeof pitboardOptions === "undefined") {
    console.warn("Pitboard: the options are missing. Install the userscript anew.");
    return;
  }
  await pitboardOptions.openDialog(get, {
    options: await options(),
    save: (changed) => void saveOptions(changed),
    notes,
    saveNotes,
    preview,
  });
}

const platform: Platform = {
  drivers: (names, again) => backend.drivers(names, again),
  history: (custId, category, kind) => backend.history(custId, category, kind),
  options,
  notes,
  onOptions: (changed) => void optionListeners.push(changed),
  onNotes: (changed) => void noteListeners.push(changed),
  saveNote: async (name, note) => saveNotes(withNote(await notes(), name, note)),
  hideDriver: async (name) => {
    const current = await options();
    await saveOptions({ ...current, hiddenDrivers: [...current.hiddenDrivers, name] });
  },
  openOptions: () => void openDialog(),
};

void run(platform).then(() => gm.registerMenuCommand?.(t("options"), () => platform.openOptions()));
