/** The page that opens after the installation: what the addon does, its backend, and how a forum page will look. */

import { diagnose } from "../core/diagnose.ts";
import { currentLanguage, t, useLanguage, useMessages } from "../core/i18n.ts";
import { readOptions } from "../core/options.ts";
import { backendField } from "../options/backend-field.ts";
import { legend } from "../options/legend.ts";
import css from "../options/options.css";
import { preview } from "../options/preview.ts";
import { sampleDriver, sampleReader } from "../options/sample.ts";
import { api, askPermission, flags, storedOptions } from "../platform/extension.ts";
import { fetchGet } from "../platform/get.ts";
import { button, h } from "../ui/h.ts";
import { icon } from "../ui/icons.ts";
import { useFlags } from "../ui/parts.ts";

/** A post as it will look, by an invented driver whose ratings are `by` from those of the sample. */
function post(name: string, by: number): HTMLElement {
  const now = Date.now();
  const box = h("div", { class: "preview" });
  const sample = sampleDriver(now);
  const licences = sample.licences.map((licence) => ({ ...licence, irating: licence.irating && licence.irating + by }));
  void preview(
    box,
    { ...sample, name, licences: by ? licences.reverse() : licences },
    sampleReader(now),
    readOptions({}),
  );
  return h("div", { class: "post" }, h("b", {}, name), box, h("p", { class: "soft" }, t("welcome_post")));
}

const steps = () =>
  h(
    "ul",
    { class: "steps" },
    h("li", {}, icon("more"), t("welcome_card")),
    h("li", {}, icon("note"), t("welcome_notes")),
    h("li", {}, icon("gear"), t("welcome_private")),
  );

/** From `words.js`. */
declare const pitboardWords: typeof import("./words.ts");

async function start(): Promise<void> {
  useMessages(pitboardWords.messages);
  const main = document.getElementById("welcome");
  if (!main) return;
  document.head.append(h("style", {}, css));
  const options = await storedOptions();
  await useLanguage(options.language);
  document.documentElement.lang = currentLanguage();
  main.className = "options";
  useFlags(flags);
  const field = backendField({
    address: options.backend,
    change: (backend) =>
      void storedOptions().then((stored) => api.storage.sync.set({ options: { ...stored, backend } })),
    test: async (address) => diagnose(address, fetchGet, await askPermission(address)),
  });
  const section = (title: string, ...content: Node[]) => h("section", {}, h("h2", {}, title), ...content);
  main.append(
    h("h1", {}, t("welcome_title")),
    h("p", { class: "lead" }, t("welcome_lead")),
    section(t("preview"), post("Ann Tester", 0), post("Bo Demo", -420), legend(), steps()),
    section(t("section_backend"), field),
    h(
      "p",
      { class: "buttons" },
      button({ id: "options", onclick: () => void api.runtime.openOptionsPage() }, t("options")),
      button({ id: "demo", onclick: () => void open("demo.html") }, t("demo")),
    ),
  );
}

void start();
