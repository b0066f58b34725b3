/**
 * The extension's background: the only part that calls the backend. It answers a fixed list of messages, from our own
 * pages only. The backend's address is the reader's option and never part of a message.
 */

import { Backend, Forbidden, type Get } from "../core/backend.ts";
import { CATEGORIES } from "../core/model.ts";
import { ITEM } from "../core/note_sync.ts";
import { readOptions } from "../core/options.ts";
import { api, isAllowed, type Sender, storedOptions, storeIn } from "../platform/extension.ts";
import { fetchGet } from "../platform/get.ts";
import { NoteSync } from "../platform/note_sync.ts";

const { runtime, storage, tabs } = api;
const FORUM = "forums.iracing.com";
const MAX_NAMES = 200;

const address = async () => (await storedOptions()).backend;
/** Without the permission for an address, some backends can be used still: so it is looked for only after a failure. */
const get: Get = (url) =>
  fetchGet(url).catch(async (error: unknown) => {
    throw (await isAllowed(url)) ? error : new Forbidden();
  });
const backend = new Backend(address, get, storeIn(storage.session), storeIn(storage.local));

type Message = Partial<
  Record<"type" | "names" | "profile" | "now" | "reload" | "me" | "custId" | "category" | "kind" | "allow", unknown>
>;

const isId = (value: unknown): value is number => Number.isSafeInteger(value) && Number(value) > 0;

/** Puts the card's script into the frame that asks for it. */
async function putCard({ tab, frameId = 0 }: Sender): Promise<void> {
  if (tab?.id === undefined) throw new Error("no tab");
  await api.scripting.executeScript({ target: { tabId: tab.id, frameIds: [frameId] }, files: ["card.js"] });
}

async function answer(
  { type, names, profile, now, reload, me, custId, category, kind, allow }: Message,
  sender: Sender,
): Promise<unknown> {
  if (type === "drivers" && Array.isArray(names)) {
    const valid = names.filter((name): name is string => typeof name === "string").slice(0, MAX_NAMES);
    const asking = { profile: profile === true, now: now === true, reload: reload === true };
    // as pairs: Firefox cannot send an object with the key "__proto__", and a driver may be called that
    return Object.entries(await backend.drivers(valid, asking));
  }
  if (type === "races" && isId(custId)) return backend.races(custId, typeof me === "string" ? me : "");
  if (type === "history" && isId(custId)) {
    const known = CATEGORIES.find((c) => c === category);
    if (known) return backend.history(custId, known, kind === "safety_rating" ? "safety_rating" : "irating");
  }
  if (type === "card") return putCard(sender);
  if (type === "options" && allow === true) return void tabs.create({ url: runtime.getURL("options.html#allow") });
  if (type === "options") return runtime.openOptionsPage();
  throw new Error("unknown message");
}

/** Whether this is the address of a forum page or of a page of the extension. */
const isOurs = (url = ""): boolean =>
  url.startsWith(runtime.getURL("")) || (URL.canParse(url) && new URL(url).hostname === FORUM);

runtime.onMessage.addListener((message, sender, respond) => {
  const trusted = sender.id === runtime.id && isOurs(sender.url);
  if (!trusted || typeof message !== "object" || message === null) return undefined;
  answer(message, sender).then(
    (value) => respond({ ok: true, value }),
    (error: unknown) => respond({ ok: false, error: error instanceof Error ? error.message : "failed" }),
  );
  return true;
});

const noteSync = new NoteSync(storage.local, storage.sync, async () => (await storedOptions()).syncNotes);

storage.onChanged.addListener((changes, area) => {
  const { options, notes } = changes;
  if (area === "local" && notes) void noteSync.changed(notes.oldValue, notes.newValue);
  if (area !== "sync") return;
  if (Object.keys(changes).some((name) => name.startsWith(ITEM))) void noteSync.run();
  if (!options) return;
  const [before, after] = [readOptions(options.oldValue), readOptions(options.newValue)];
  if (before.backend !== after.backend) void backend.forget();
  if (before.syncNotes !== after.syncNotes) void noteSync.run();
});

api.action.onClicked.addListener(() => void runtime.openOptionsPage());

runtime.onInstalled.addListener(({ reason }) => {
  if (reason === "install") void tabs.create({ url: runtime.getURL("welcome.html") });
});
