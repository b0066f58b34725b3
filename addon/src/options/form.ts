/** The options form, for the extension's page and the userscript's dialog. Every change is saved immediately. */

import type { Finding } from "../core/diagnose.ts";
import { type MessageKey, t, useLanguage } from "../core/i18n.ts";
import type { Category } from "../core/model.ts";
import { type Note, readNotes } from "../core/notes.ts";
import {
  CHOICES,
  type Choice,
  DEFAULTS,
  type Flag,
  isLinkTemplate,
  isOn,
  type Options,
  RACE_TYPES,
  readOptions,
} from "../core/options.ts";
import { button, h } from "../ui/h.ts";
import { icon } from "../ui/icons.ts";
import { categoryName } from "../ui/parts.ts";
import { backendField } from "./backend-field.ts";
import { legend } from "./legend.ts";
import type { Preview } from "./preview.ts";
import { sampleDriver, sampleReader } from "./sample.ts";

/** What the form needs from where it runs. */
export interface FormPlatform {
  options: Options;
  surfaces: readonly { id: string; byDefault: boolean }[];
  /** Stores the options. Rejects if they are too large for the browser. */
  save(options: Options): unknown;
  notes(): Promise<Record<string, Note>>;
  saveNotes(notes: Record<string, Note>): Promise<void>;
  /** Tests a backend. It is called directly after a click, so that the browser may ask for a permission. */
  test(address: string): Promise<Finding>;
  /** Whether the browser has taken the permission for the backend back. */
  forbidden?: boolean;
  preview: Preview;
  /** Only in a dialog. */
  close?: () => void;
}

/** Bytes of a file. 5,000 notes of the longest kind are less. */
const LARGEST_IMPORT = 20_000_000;
const key = (name: string): MessageKey => name as MessageKey;
const LANGUAGE_NAMES: Record<string, string> = {
  en: "English",
  de: "Deutsch",
  es: "Español",
  fr: "Français",
  it: "Italiano",
  pt: "Português",
};

export class Form {
  readonly #root: HTMLElement;
  readonly #preview = h("div", { class: "preview", "aria-hidden": "true" });
  #status = h("p", { role: "status", class: "status" });
  readonly #alert = h("p", { role: "alert", class: "alert" });
  #options: Options;

  readonly #platform: FormPlatform;

  constructor(root: HTMLElement, platform: FormPlatform) {
    this.#platform = platform;
    this.#root = root;
    this.#options = platform.options;
    this.#draw();
  }

  #change(changed: Partial<Options>, redraw = false): void {
    this.#options = readOptions({ ...this.#options, ...changed });
    void this.#save(this.#options);
    if (redraw) void useLanguage(this.#options.language).then(() => this.#draw());
    else this.#drawPreview();
  }

  async #save(options: Options): Promise<void> {
    let problem = "";
    try {
      await this.#platform.save(options);
    } catch {
      problem = t("options_not_saved");
    }
    this.#alert.textContent = problem;
  }

  #draw(): void {
    const { close } = this.#platform;
    const focused = (this.#root.getRootNode() as Document | ShadowRoot).activeElement?.id;
    this.#status = h("p", { role: "status", class: "status" });
    this.#root.replaceChildren(
      ...(close ? [button({ class: "shut", onclick: close }, t("close"))] : []),
      h("h1", { id: "title" }, t("options_title")),
      h("p", { class: "lead" }, t("options_lead")),
      h(
        "section",
        { class: "stage", "aria-label": t("preview") },
        h("h2", {}, t("preview")),
        this.#preview,
        legend(),
        this.#alert,
      ),
      this.#section(
        "section_looks",
        this.#choice("layout"),
        this.#choice("theme"),
        this.#choice("language"),
        this.#choice("opener"),
      ),
      this.#section(
        "section_ratings",
        this.#flag("hideRatings"),
        this.#flag("cpi"),
        this.#flag("rank"),
        this.#flag("record"),
        this.#flag("compare"),
        this.#textInput("me"),
        this.#flag("mainFirst"),
        this.#choice("order"),
        this.#categories(),
      ),
      this.#section(
        "section_facts",
        this.#flag("country"),
        this.#flag("member"),
        this.#flag("followers"),
        this.#flag("customerId"),
        this.#flag("races"),
        this.#flag("cars"),
        this.#number("raceCount"),
        this.#number("carCount"),
        this.#raceTypes(),
      ),
      this.#section(
        "section_where",
        ...this.#platform.surfaces.map((surface) => this.#surface(surface)),
        this.#flag("hideOwn"),
        this.#hiddenDrivers(),
      ),
      this.#section("section_links", this.#links()),
      this.#section("section_backend", this.#backend()),
      this.#section("section_data", this.#data()),
    );
    this.#drawPreview();
    if (focused) this.#root.querySelector<HTMLElement>(`#${CSS.escape(focused)}`)?.focus();
  }

  #drawPreview(): void {
    const now = Date.now();
    this.#platform.preview(this.#preview, sampleDriver(now), sampleReader(now), this.#options);
  }

  #section(title: MessageKey, ...rows: HTMLElement[]): HTMLElement {
    return h("section", {}, h("h2", {}, t(title)), ...rows);
  }

  #toggle(id: string, label: string, on: boolean, change: (on: boolean) => void): HTMLElement {
    const input = h("input", { type: "checkbox", id, role: "switch", checked: on });
    input.addEventListener("change", () => change(input.checked));
    return h("label", { class: "row", for: id }, h("span", {}, label), input);
  }

  #flag(name: Flag): HTMLElement {
    return this.#toggle(name, t(key(`option_${name}`)), this.#options[name], (on) => this.#change({ [name]: on }));
  }

  #surface(surface: FormPlatform["surfaces"][number]): HTMLElement {
    const { id } = surface;
    return this.#toggle(`surface-${id}`, t(key(`surface_${id}`)), isOn(this.#options, surface), (on) =>
      this.#change({ surfaces: { ...this.#options.surfaces, [id]: on } }),
    );
  }

  #choice(name: Choice): HTMLElement {
    const select = h(
      "select",
      { id: name },
      ...CHOICES[name].map((value) =>
        h(
          "option",
          { value, selected: value === this.#options[name] },
          LANGUAGE_NAMES[value] ?? t(key(`value_${name}_${value}`)),
        ),
      ),
    );
    select.addEventListener("change", () => this.#change({ [name]: select.value }, name === "language"));
    return h("label", { class: "row", for: name }, h("span", {}, t(key(`option_${name}`))), select);
  }

  #textInput(name: "me"): HTMLElement {
    const input = h("input", {
      id: name,
      value: this.#options[name],
      maxlength: 100,
      placeholder: t("me_placeholder"),
    });
    input.addEventListener("change", () => this.#change({ [name]: input.value }));
    return h("label", { class: "row", for: name }, h("span", {}, t(key(`option_${name}`))), input);
  }

  #number(name: "raceCount" | "carCount"): HTMLElement {
    const input = h("input", { id: name, type: "number", min: 1, max: 10, value: this.#options[name] });
    input.addEventListener("change", () => this.#change({ [name]: Number(input.value) }));
    return h("label", { class: "row", for: name }, h("span", {}, t(key(`option_${name}`))), input);
  }

  #raceTypes(): HTMLElement {
    const boxes = RACE_TYPES.map((type) => {
      const input = h("input", {
        type: "checkbox",
        id: `type-${type}`,
        checked: this.#options.raceTypes.includes(type),
      });
      input.addEventListener("change", () => {
        const others = this.#options.raceTypes.filter((other) => other !== type);
        this.#change({ raceTypes: input.checked ? [...others, type] : others });
      });
      return h("label", { class: "box" }, input, t(`type_${type}`));
    });
    return h(
      "fieldset",
      { class: "row" },
      h("legend", {}, t("option_raceTypes")),
      h("div", { class: "boxes" }, ...boxes),
    );
  }

  #moveButton(id: string, direction: "up" | "down", label: string, disabled: boolean, move: () => void): HTMLElement {
    const words = `${t(direction === "up" ? "move_up" : "move_down")}: ${label}`;
    return button({ class: "small", id, "aria-label": words, title: words, disabled, onclick: move }, icon(direction));
  }

  /** Whether a category is in one of the lists of the options. */
  #mark(list: "pinned" | "fallbackCategories", id: string, category: Category, label: string): HTMLElement {
    const input = h("input", {
      type: "checkbox",
      id,
      "aria-label": `${categoryName(category)}: ${label}`,
      checked: this.#options[list].includes(category),
    });
    input.addEventListener("change", () => {
      const others = this.#options[list].filter((other) => other !== category);
      this.#change({ [list]: input.checked ? [...others, category] : others });
    });
    return h("label", { class: "box" }, input, label);
  }

  #categories(): HTMLElement {
    const { categories } = this.#options;
    const move = (from: number, to: number) => {
      const changed = [...categories];
      changed.splice(to, 0, ...changed.splice(from, 1));
      this.#change({ categories: changed }, true);
    };
    const rows = categories.map((category, i) => {
      const input = h("input", {
        type: "checkbox",
        id: `show-${category}`,
        checked: !this.#options.hiddenCategories.includes(category),
      });
      input.addEventListener("change", () => {
        const others = this.#options.hiddenCategories.filter((other) => other !== category);
        this.#change({ hiddenCategories: input.checked ? others : [...others, category] });
      });
      const name = categoryName(category);
      return h(
        "li",
        {},
        h("label", { class: "box" }, input, icon(category), name),
        this.#mark("pinned", `pin-${category}`, category, t("pinned")),
        this.#mark("fallbackCategories", `fallback-${category}`, category, t("only_if_nothing")),
        this.#moveButton(`up-${category}`, "up", name, i === 0, () => move(i, i - 1)),
        this.#moveButton(`down-${category}`, "down", name, i === categories.length - 1, () => move(i, i + 1)),
      );
    });
    return h(
      "fieldset",
      { class: "row tall" },
      h("legend", {}, t("option_categories")),
      h("ol", { class: "sortable" }, ...rows),
    );
  }

  #hiddenDrivers(): HTMLElement {
    const names = this.#options.hiddenDrivers.map((name) =>
      h(
        "li",
        {},
        h("span", { dir: "auto" }, name),
        button(
          {
            class: "small text",
            onclick: () =>
              this.#change({ hiddenDrivers: this.#options.hiddenDrivers.filter((other) => other !== name) }, true),
          },
          t("show_again"),
        ),
      ),
    );
    return h(
      "div",
      { class: "row tall" },
      h("span", {}, t("option_hiddenDrivers")),
      names.length ? h("ul", { class: "sortable" }, ...names) : h("span", { class: "soft" }, t("nobody")),
    );
  }

  #links(): HTMLElement {
    const { links } = this.#options;
    const set = (i: number, changed: Partial<Options["links"][number]>) =>
      this.#change({ links: this.#options.links.map((link, at) => (at === i ? { ...link, ...changed } : link)) });
    const problem = h("p", { role: "status", class: "link-problem" });
    const rows = links.map((link, i) => {
      const on = h("input", { type: "checkbox", id: `link-${i}`, checked: link.on, "aria-label": link.label });
      on.addEventListener("change", () => set(i, { on: on.checked }));
      const label = h("input", { value: link.label, maxlength: 30, "aria-label": t("link_label") });
      label.addEventListener("change", () => set(i, { label: label.value }));
      const url = h("input", {
        value: link.url,
        maxlength: 300,
        type: "text",
        class: "wide",
        "aria-label": t("link_url"),
        spellcheck: "false",
      });
      url.addEventListener("change", () => {
        const fits = isLinkTemplate(url.value.trim());
        problem.textContent = fits ? "" : t("test_address");
        if (fits) set(i, { url: url.value });
      });
      const remove = button(
        {
          class: "small",
          "aria-label": `${t("remove")}: ${link.label}`,
          title: t("remove"),
          onclick: () => this.#change({ links: links.filter((_, at) => at !== i) }, true),
        },
        icon("close"),
      );
      return h("li", {}, on, label, url, remove);
    });
    const add = button(
      {
        onclick: () =>
          this.#change(
            { links: [...links, { label: t("link_new"), url: "https://example.org/{cust_id}", on: true }] },
            true,
          ),
      },
      t("link_add"),
    );
    return h(
      "div",
      {},
      h("p", { class: "soft" }, t("links_help")),
      h("ol", { class: "links-list" }, ...rows),
      problem,
      add,
    );
  }

  #backend(): HTMLElement {
    const { test, forbidden } = this.#platform;
    const change = (backend: string) => this.#change({ backend });
    return backendField({ address: this.#options.backend, change, test, ...(forbidden && { forbidden }) });
  }

  #data(): HTMLElement {
    const file = h("input", { type: "file", accept: "application/json,.json", hidden: true });
    file.addEventListener("change", () => void this.#import(file));
    const reset = button({ id: "reset" }, t("reset"));
    let confirmed = false;
    reset.addEventListener("click", () => {
      if (confirmed) this.#change({ ...DEFAULTS }, true);
      else reset.textContent = t("reset_sure");
      confirmed = !confirmed;
    });
    return h(
      "div",
      {},
      h("p", { class: "soft" }, t("data_help")),
      h(
        "div",
        { class: "buttons" },
        button({ id: "export", onclick: () => void this.#export() }, t("export")),
        button({ id: "import", onclick: () => file.click() }, t("import")),
        reset,
        file,
      ),
      this.#status,
    );
  }

  async #export(): Promise<void> {
    const all = { pitboard: 1, options: this.#options, notes: await this.#platform.notes() };
    const url = URL.createObjectURL(new Blob([JSON.stringify(all, null, 2)], { type: "application/json" }));
    h("a", { href: url, download: "pitboard-options.json" }).click();
    setTimeout(() => URL.revokeObjectURL(url), 10_000);
  }

  async #import(file: HTMLInputElement): Promise<void> {
    const chosen = file.files?.[0];
    // so that the same file can be chosen again
    const text = chosen && chosen.size <= LARGEST_IMPORT ? await chosen.text() : "";
    file.value = "";
    let all: { options?: unknown; notes?: unknown };
    try {
      all = JSON.parse(text);
      if (typeof all !== "object" || all === null || !("pitboard" in all)) throw new Error("not an export");
    } catch {
      this.#status.textContent = t("import_failed");
      return;
    }
    const options = all.options ? readOptions(all.options) : null;
    if (options && options.backend !== this.#options.backend) this.#askForBackend(options, all.notes);
    else await this.#take(options, all.notes);
  }

  /** The names of authors would go to another address from now on: the reader has to decide that. */
  #askForBackend(options: Options, notes: unknown): void {
    const take = (backend: string) => void this.#take({ ...options, backend }, notes);
    this.#status.replaceChildren(
      t("import_backend", options.backend, this.#options.backend),
      h(
        "span",
        { class: "buttons" },
        button({ id: "import-new", onclick: () => take(options.backend) }, t("import_backend_new")),
        button(
          { id: "import-old", class: "main", onclick: () => take(this.#options.backend) },
          t("import_backend_old"),
        ),
      ),
    );
    this.#status.querySelector<HTMLElement>("#import-old")?.focus();
  }

  async #take(options: Options | null, notes: unknown): Promise<void> {
    try {
      if (notes) await this.#platform.saveNotes({ ...(await this.#platform.notes()), ...readNotes(notes) });
      if (options) this.#change(options, true);
      this.#status.textContent = t("import_done");
    } catch {
      this.#status.textContent = t("not_saved");
    }
  }
}
