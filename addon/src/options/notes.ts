/** The manager of the reader's notes: search, edit, remove, and the tags with their colours. */

import { type MessageKey, t } from "../core/i18n.ts";
import { type Note, noteOf, withNote } from "../core/notes.ts";
import { COLOURS, MOST_TAGS, type TagStyle, tagsIn } from "../core/tags.ts";
import { button, h } from "../ui/h.ts";
import { icon } from "../ui/icons.ts";

export interface NotesPlatform {
  notes(): Promise<Record<string, Note>>;
  /** Rejects if there is no space. */
  saveNotes(notes: Record<string, Note>): Promise<void>;
  tags: TagStyle[];
  saveTags(tags: TagStyle[]): Promise<void>;
  /** Whether notes are synced, and how to change that; a script manager syncs by itself. */
  sync?: { on: boolean; full: boolean; set(on: boolean): Promise<void> };
}

/** Whether a note has every word that is searched for, in its driver, text or tags. */
export function matches(name: string, note: Note, words: string): boolean {
  const all = `${name} ${note.text} ${note.tags.join(" ")}`.toLowerCase();
  return words
    .toLowerCase()
    .split(/\s+/)
    .every((word) => all.includes(word));
}

export class NotesPage {
  readonly #platform: NotesPlatform;
  readonly #list = h("ul", { class: "list" });
  readonly #presets = h("div", {});
  readonly #chosen = h("div", { class: "buttons" });
  readonly #search = h("input", { type: "search", id: "search", "aria-label": t("search"), placeholder: t("search") });
  readonly #status = h("p", { role: "status", class: "status" });
  #notes: Record<string, Note> = {};
  #tags: TagStyle[];
  /** Only notes with this tag are shown; "": all. */
  #tag = "";

  constructor(root: HTMLElement, platform: NotesPlatform) {
    this.#platform = platform;
    this.#tags = platform.tags;
    root.classList.add("notes");
    this.#search.addEventListener("input", () => this.#drawList());
    root.append(
      h("h1", { id: "title" }, t("manage_notes")),
      h("p", { class: "lead" }, t(platform.sync?.on ? "note_synced" : "note_private")),
      h(
        "section",
        {},
        h("div", { class: "tools" }, this.#search, this.#chosen),
        this.#list,
        this.#status,
        this.#sync(),
      ),
      h("section", {}, h("h2", {}, t("tags")), h("p", { class: "soft" }, t("tags_help")), this.#presets),
    );
    this.#drawTags();
    void this.show();
  }

  #sync(): HTMLElement | null {
    const { sync } = this.#platform;
    if (!sync) return null;
    const on = h("input", { type: "checkbox", id: "sync", role: "switch", checked: sync.on });
    on.addEventListener("change", () => void sync.set(on.checked));
    return h(
      "div",
      {},
      h("label", { class: "row", for: "sync" }, h("span", {}, t("sync_notes")), on),
      h("p", { class: "soft" }, t(sync.on && sync.full ? "sync_full" : "sync_help")),
    );
  }

  /** Reads the notes and shows them. */
  async show(): Promise<void> {
    this.#notes = await this.#platform.notes();
    this.#drawList();
  }

  #drawList(): void {
    const shown = Object.entries(this.#notes)
      .filter(([name, note]) => matches(name, note, this.#search.value))
      .filter(([, note]) => !this.#tag || note.tags.some((tag) => tag.toLowerCase() === this.#tag.toLowerCase()))
      .sort(([a], [b]) => a.localeCompare(b));
    this.#list.replaceChildren(...shown.map(([name, note]) => this.#row(name, note)));
    this.#status.textContent = t("notes_n", shown.length, Object.keys(this.#notes).length);
  }

  #row(name: string, note: Note): HTMLElement {
    const text = h("textarea", { rows: 2, maxlength: 2000, "aria-label": `${t("note")}: ${name}` });
    text.value = note.text;
    const tags = h("input", { maxlength: 200, value: note.tags.join(", "), "aria-label": `${t("tags")}: ${name}` });
    const save = () => void this.#save(name, { ...note, text: text.value.trim(), tags: tagsIn(tags.value) });
    text.addEventListener("change", save);
    tags.addEventListener("change", save);
    const label = `${t("remove")}: ${name}`;
    const remove = button({ class: "small", "aria-label": label, title: t("remove") }, icon("close"));
    remove.addEventListener("click", () => {
      void this.#save(name, { text: "", tags: [] }).then(() => this.#drawList());
    });
    return h("li", {}, h("b", { dir: "auto" }, note.name ?? name), text, tags, remove);
  }

  async #save(name: string, note: Note): Promise<void> {
    const before = noteOf(this.#notes, name);
    this.#notes = withNote(await this.#platform.notes(), name, note);
    try {
      await this.#platform.saveNotes(this.#notes);
      this.#status.textContent = t("saved");
    } catch {
      if (before) this.#notes = withNote(this.#notes, name, before);
      this.#status.textContent = t("not_saved");
    }
  }

  #drawTags(): void {
    const set = (i: number, changed: Partial<TagStyle>) =>
      this.#saveTags(this.#tags.map((tag, at) => (at === i ? { ...tag, ...changed } : tag)));
    const rows = this.#tags.map((tag, i) => {
      const name = h("input", { value: tag.name, maxlength: 40, "aria-label": t("tag_name") });
      name.addEventListener("change", () => set(i, { name: name.value }));
      const colours = COLOURS.map((colour) =>
        h("option", { value: colour, selected: colour === tag.colour }, t(`colour_${colour}` as MessageKey)),
      );
      const colour = h("select", { "aria-label": `${t("colour")}: ${tag.name}` }, ...colours);
      colour.addEventListener("change", () => set(i, { colour: colour.value as TagStyle["colour"] }));
      const label = `${t("remove")}: ${tag.name}`;
      const remove = button({ class: "small", "aria-label": label, title: t("remove") }, icon("close"));
      remove.addEventListener("click", () => this.#saveTags(this.#tags.filter((_, at) => at !== i)));
      return h("li", {}, h("span", { class: `swatch t-${tag.colour}` }), name, colour, remove);
    });
    const add = button({ id: "add-tag", disabled: this.#tags.length >= MOST_TAGS }, t("tag_add"));
    add.addEventListener("click", () => {
      const colour = COLOURS[this.#tags.length % COLOURS.length] ?? "grey";
      this.#saveTags([...this.#tags, { name: `${t("tag_new")} ${this.#tags.length + 1}`, colour }]);
    });
    this.#presets.replaceChildren(h("ul", { class: "presets" }, ...rows), add);
    const filters = this.#tags.map(({ name, colour }) => {
      const pressed = this.#tag === name;
      const filter = button({ class: `small text t-${colour}`, "aria-pressed": String(pressed) }, name);
      filter.addEventListener("click", () => {
        this.#tag = pressed ? "" : name;
        this.#drawTags();
        this.#drawList();
      });
      return filter;
    });
    this.#chosen.replaceChildren(...filters);
  }

  #saveTags(tags: TagStyle[]): void {
    this.#tags = tags;
    void this.#platform.saveTags(tags).catch(() => {
      this.#status.textContent = t("options_not_saved");
    });
    this.#drawTags();
  }
}
