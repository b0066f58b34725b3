/**
 * The background: the only part that speaks with the backend. It answers a closed list of questions, from our own
 * pages only; the address is the reader's option, never the asker's.
 */

import { Backend } from "../core/backend.ts";
import { CATEGORIES } from "../core/model.ts";
import { readOptions } from "../core/options.ts";
import { extension, shelf } from "../platform/api.ts";
import { fetchGet } from "../platform/get.ts";

const { runtime, storage } = extension;
const FORUM = "forums.iracing.com";
const MAX_ASKED = 200;

const address = async () => readOptions((await storage.sync.get(["options"])).options).backend;
const backend = new Backend(address, fetchGet, shelf(storage.session), shelf(storage.local));

type Question = Partial<Record<"type" | "names" | "again" | "custId" | "category" | "kind", unknown>>;

async function answer(question: Question): Promise<unknown> {
  const { type, names, custId, category, kind } = question;
  if (type === "drivers" && Array.isArray(names)) {
    const asked = names.filter((name): name is string => typeof name === "string").slice(0, MAX_ASKED);
    return backend.drivers(asked, question.again === true);
  }
  if (type === "history" && typeof custId === "number" && Number.isSafeInteger(custId) && custId > 0) {
    const known = CATEGORIES.find((c) => c === category);
    if (known) return backend.history(custId, known, kind === "safety_rating" ? "safety_rating" : "irating");
  }
  if (type === "options") return runtime.openOptionsPage();
  throw new Error("unknown question");
}

/** A content script on the forum, or a page of the extension. */
const isOurs = (url = ""): boolean =>
  url.startsWith(runtime.getURL("")) || (URL.canParse(url) && new URL(url).hostname === FORUM);

runtime.onMessage.addListener((message, sender, respond) => {
  const trusted = sender.id === runtime.id && isOurs(sender.url);
  if (!trusted || typeof message !== "object" || message === null) return undefined;
  answer(message as Question).then(
    (value) => respond({ ok: true, value }),
    (error: unknown) => respond({ ok: false, error: error instanceof Error ? error.message : "failed" }),
  );
  return true;
});

storage.onChanged.addListener((changes, area) => {
  if (area !== "sync" || !changes.options) return;
  const now = readOptions(changes.options.newValue).backend;
  const before = readOptions((changes.options as { oldValue?: unknown }).oldValue).backend;
  if (now !== before) void backend.forget();
});

extension.action.onClicked.addListener(() => void runtime.openOptionsPage());
