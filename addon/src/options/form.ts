/** The options: one form for the extension's page and for the userscript's dialog. Every change is kept at once. */

import type { Finding } from "../core/diagnose.ts";
import { type MessageKey, t, useLanguage } from "../core/i18n.ts";
import { type Note, readNotes } from "../core/notes.ts";
import {
  backendAddress,
  DEFAULTS,
  LANGUAGES,
  LAYOUTS,
  OPENERS,
  type Options,
  ORDERS,
  RACE_TYPES,
  readOptions,
  SURFACES,
  THEMES,
} from "../core/options.ts";
import { h } from "../ui/h.ts";
import { icon } from "../ui/icons.ts";
import { line } from "../ui/line.ts";
import { categoryName } from "../ui/parts.ts";
import { dress } from "../ui/sheet.ts";
import css from "../ui/stats.css";
import { sampleDriver, sampleReader } from "./sample.ts";

export interface Desk {
  options: Options;
  save(options: Options): void;
  notes(): Promise<Record<string, Note>>;
  saveNotes(notes: Record<string, Note>): Promise<void>;
  /** Called straight from the click, so that the browser may ask for a permission. */
  test(address: string): Promise<Finding>;
}

type Flag = { [K in keyof Options]: Options[K] extends boolean ? K : never }[keyof Options];
type Choice = {
  [K in keyof Options]: string extends Options[K] ? never : Options[K] extends string ? K : never;
}[keyof Options];

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
  private readonly place: HTMLElement;
  private readonly preview = h("div", { class: "preview", "aria-hidden": "true" });
  private status = h("p", { role: "status", class: "status" });
  private options: Options;

  constructor(
    root: HTMLElement,
    private readonly desk: Desk,
  ) {
    this.place = root;
    this.options = desk.options;
    this.preview.attachShadow({ mode: "open" });
    this.draw();
  }

  private change(changed: Partial<Options>, redraw = false): void {
    this.options = readOptions({ ...this.options, ...changed });
    this.desk.save(this.options);
    if (redraw) void useLanguage(this.options.language).then(() => this.draw());
    else this.drawPreview();
  }

  private draw(): void {
    const focused = (this.place.getRootNode() as Document | ShadowRoot).activeElement?.id;
    this.status = h("p", { role: "status", class: "status" });
    this.place.replaceChildren(
      h("h1", {}, t("options_title")),
      h("p", { class: "lead" }, t("options_lead")),
      h("section", { class: "stage", "aria-label": t("preview") }, h("h2", {}, t("preview")), this.preview),
      this.section(
        "section_looks",
        this.choice("layout", LAYOUTS),
        this.choice("theme", THEMES),
        this.choice("language", LANGUAGES),
        this.choice("opener", OPENERS),
      ),
      this.section(
        "section_ratings",
        this.flag("hideRatings"),
        this.flag("cpi"),
        this.flag("compare"),
        this.words("me"),
        this.flag("mainFirst"),
        this.choice("order", ORDERS),
        this.categories(),
      ),
      this.section(
        "section_facts",
        this.flag("country"),
        this.flag("member"),
        this.flag("followers"),
        this.flag("races"),
        this.flag("cars"),
        this.raceCount(),
        this.raceTypes(),
      ),
      this.section(
        "section_where",
        ...SURFACES.map((id) => this.surface(id)),
        this.flag("hideOwn"),
        this.hiddenDrivers(),
      ),
      this.section("section_links", this.links()),
      this.section("section_backend", this.backend()),
      this.section("section_data", this.data()),
    );
    this.drawPreview();
    if (focused) this.place.querySelector<HTMLElement>(`#${CSS.escape(focused)}`)?.focus();
  }

  private drawPreview(): void {
    const root = this.preview.shadowRoot;
    if (!root) return;
    const now = Date.now();
    const dark =
      this.options.theme === "dark" ||
      (this.options.theme === "auto" && matchMedia("(prefers-color-scheme: dark)").matches);
    const view = { options: this.options, me: sampleReader(now), now: Date.now };
    const box = h(
      "div",
      { class: `root ${dark ? "dark" : "light"}` },
      line({ driver: sampleDriver(now) }, view, undefined, { open() {}, retry() {} }),
    );
    root.replaceChildren();
    dress(root, css);
    root.append(box);
    this.preview.classList.toggle("dark", dark);
    for (const inner of box.querySelectorAll("a, button")) inner.setAttribute("tabindex", "-1");
  }

  private section(title: MessageKey, ...rows: HTMLElement[]): HTMLElement {
    return h("section", {}, h("h2", {}, t(title)), ...rows);
  }

  private toggle(id: string, label: string, on: boolean, change: (on: boolean) => void): HTMLElement {
    const input = h("input", { type: "checkbox", id, role: "switch", checked: on });
    input.addEventListener("change", () => change(input.checked));
    return h("label", { class: "row", for: id }, h("span", {}, label), input);
  }

  private flag(name: Flag): HTMLElement {
    return this.toggle(name, t(key(`option_${name}`)), this.options[name], (on) => this.change({ [name]: on }));
  }

  private surface(id: (typeof SURFACES)[number]): HTMLElement {
    return this.toggle(`surface-${id}`, t(key(`surface_${id}`)), this.options.surfaces[id], (on) =>
      this.change({ surfaces: { ...this.options.surfaces, [id]: on } }),
    );
  }

  private choice(name: Choice, values: readonly string[]): HTMLElement {
    const select = h(
      "select",
      { id: name },
      ...values.map((value) =>
        h(
          "option",
          { value, selected: value === this.options[name] },
          LANGUAGE_NAMES[value] ?? t(key(`value_${name}_${value}`)),
        ),
      ),
    );
    select.addEventListener("change", () => this.change({ [name]: select.value }, name === "language"));
    return h("label", { class: "row", for: name }, h("span", {}, t(key(`option_${name}`))), select);
  }

  private words(name: "me"): HTMLElement {
    const input = h("input", { id: name, value: this.options[name], maxlength: 100, placeholder: t("me_placeholder") });
    input.addEventListener("change", () => this.change({ [name]: input.value }));
    return h("label", { class: "row", for: name }, h("span", {}, t(key(`option_${name}`))), input);
  }

  private raceCount(): HTMLElement {
    const input = h("input", { id: "raceCount", type: "number", min: 1, max: 10, value: this.options.raceCount });
    input.addEventListener("change", () => this.change({ raceCount: Number(input.value) }));
    return h("label", { class: "row", for: "raceCount" }, h("span", {}, t("option_raceCount")), input);
  }

  private raceTypes(): HTMLElement {
    const boxes = RACE_TYPES.map((type) => {
      const input = h("input", {
        type: "checkbox",
        id: `type-${type}`,
        checked: this.options.raceTypes.includes(type),
      });
      input.addEventListener("change", () => {
        const others = this.options.raceTypes.filter((other) => other !== type);
        this.change({ raceTypes: input.checked ? [...others, type] : others });
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

  private moveButton(
    id: string,
    direction: "up" | "down",
    label: string,
    disabled: boolean,
    move: () => void,
  ): HTMLElement {
    const words = `${t(direction === "up" ? "move_up" : "move_down")}: ${label}`;
    return h(
      "button",
      { type: "button", class: "small", id, "aria-label": words, title: words, disabled, onclick: move },
      icon(direction),
    );
  }

  private categories(): HTMLElement {
    const { categories } = this.options;
    const move = (from: number, to: number) => {
      const changed = [...categories];
      changed.splice(to, 0, ...changed.splice(from, 1));
      this.change({ categories: changed }, true);
    };
    const rows = categories.map((category, i) => {
      const input = h("input", {
        type: "checkbox",
        id: `show-${category}`,
        checked: !this.options.hiddenCategories.includes(category),
      });
      input.addEventListener("change", () => {
        const others = this.options.hiddenCategories.filter((other) => other !== category);
        this.change({ hiddenCategories: input.checked ? others : [...others, category] });
      });
      const name = categoryName(category);
      return h(
        "li",
        {},
        h("label", { class: "box" }, input, icon(category), name),
        this.moveButton(`up-${category}`, "up", name, i === 0, () => move(i, i - 1)),
        this.moveButton(`down-${category}`, "down", name, i === categories.length - 1, () => move(i, i + 1)),
      );
    });
    return h(
      "fieldset",
      { class: "row tall" },
      h("legend", {}, t("option_categories")),
      h("ol", { class: "sortable" }, ...rows),
    );
  }

  private hiddenDrivers(): HTMLElement {
    const names = this.options.hiddenDrivers.map((name) =>
      h(
        "li",
        {},
        h("span", { dir: "auto" }, name),
        h(
          "button",
          {
            type: "button",
            class: "small text",
            onclick: () =>
              this.change({ hiddenDrivers: this.options.hiddenDrivers.filter((other) => other !== name) }, true),
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

  private links(): HTMLElement {
    const { links } = this.options;
    const set = (i: number, changed: Partial<Options["links"][number]>) =>
      this.change({ links: this.options.links.map((link, at) => (at === i ? { ...link, ...changed } : link)) });
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
      url.addEventListener("change", () => set(i, { url: url.value }));
      const remove = h(
        "button",
        {
          type: "button",
          class: "small",
          "aria-label": `${t("remove")}: ${link.label}`,
          title: t("remove"),
          onclick: () => this.change({ links: links.filter((_, at) => at !== i) }, true),
        },
        icon("close"),
      );
      return h("li", {}, on, label, url, remove);
    });
    const add = h(
      "button",
      {
        type: "button",
        onclick: () =>
          this.change(
            { links: [...links, { label: t("link_new"), url: "https://example.org/{cust_id}", on: true }] },
            true,
          ),
      },
      t("link_add"),
    );
    return h("div", {}, h("p", { class: "soft" }, t("links_help")), h("ol", { class: "links-list" }, ...rows), add);
  }

  private backend(): HTMLElement {
    const input = h("input", {
      id: "backend",
      class: "wide",
      value: this.options.backend,
      inputmode: "url",
      spellcheck: "false",
      "aria-describedby": "backend-help",
    });
    const finding = h("p", { role: "status", id: "finding", class: "finding" });
    const accept = (): string => {
      const address = backendAddress(input.value);
      if (!address) {
        finding.className = "finding bad";
        finding.textContent = t("test_address");
        return "";
      }
      input.value = address;
      this.change({ backend: address });
      return address;
    };
    input.addEventListener("change", accept);
    const button = h("button", { type: "button", id: "test", class: "main" }, t("test"));
    button.addEventListener("click", () => {
      const address = accept();
      if (!address) return;
      finding.className = "finding";
      finding.textContent = t("test_running");
      void this.desk.test(address).then((found) => {
        const good = found.state === "good" || found.state === "compatible";
        finding.className = `finding ${good ? "good" : "bad"}`;
        finding.textContent = t(`test_${found.state}`, "version" in found ? found.version : "");
      });
    });
    return h(
      "div",
      {},
      h("label", { class: "row", for: "backend" }, h("span", {}, t("option_backend")), input),
      h("p", { class: "soft", id: "backend-help" }, t("backend_help")),
      h("div", { class: "buttons" }, button),
      finding,
    );
  }

  private data(): HTMLElement {
    const file = h("input", { type: "file", accept: "application/json,.json", hidden: true });
    file.addEventListener("change", () => void this.import(file));
    const reset = h("button", { type: "button", id: "reset" }, t("reset"));
    let sure = false;
    reset.addEventListener("click", () => {
      if (sure) this.change({ ...DEFAULTS }, true);
      else reset.textContent = t("reset_sure");
      sure = !sure;
    });
    return h(
      "div",
      {},
      h("p", { class: "soft" }, t("data_help")),
      h(
        "div",
        { class: "buttons" },
        h("button", { type: "button", id: "export", onclick: () => void this.export() }, t("export")),
        h("button", { type: "button", id: "import", onclick: () => file.click() }, t("import")),
        reset,
        file,
      ),
      this.status,
    );
  }

  private async export(): Promise<void> {
    const all = { pitboard: 1, options: this.options, notes: await this.desk.notes() };
    const url = URL.createObjectURL(new Blob([JSON.stringify(all, null, 2)], { type: "application/json" }));
    h("a", { href: url, download: "pitboard-options.json" }).click();
    setTimeout(() => URL.revokeObjectURL(url), 10_000);
  }

  private async import(file: HTMLInputElement): Promise<void> {
    try {
      const all: unknown = JSON.parse((await file.files?.[0]?.text()) ?? "");
      if (typeof all !== "object" || all === null || !("pitboard" in all)) throw new Error("not ours");
      const { options, notes } = all as { options?: unknown; notes?: unknown };
      if (notes) await this.desk.saveNotes({ ...(await this.desk.notes()), ...readNotes(notes) });
      if (options) this.change(readOptions(options), true);
      this.status.textContent = t("import_done");
    } catch {
      this.status.textContent = t("import_failed");
    }
  }
}
