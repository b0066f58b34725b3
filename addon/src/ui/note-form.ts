/** The fields for the private note about a driver. What is written is kept until it is stored, however the card closes. */

import { t } from "../core/i18n.ts";
import type { Note } from "../core/notes.ts";
import type { Options } from "../core/options.ts";
import { type TagStyle, tagsIn, toggled } from "../core/tags.ts";
import { button, h, trusted } from "./h.ts";

export class NoteForm {
  readonly element: HTMLElement;
  readonly #text: HTMLTextAreaElement;
  readonly #tags: HTMLInputElement;
  readonly #hint: string;
  readonly #status: HTMLElement;
  readonly #save: (note: Note) => Promise<void>;
  #stored: string;

  /**
   * @param save stores a note; rejects if the browser has no space for it
   */
  constructor(
    driver: string,
    note: Note | undefined,
    { tags: presets, syncNotes }: Pick<Options, "tags" | "syncNotes">,
    save: (note: Note) => Promise<void>,
  ) {
    this.#save = save;
    this.#hint = t(syncNotes ? "note_synced" : "note_private");
    this.#status = h("p", { class: "quiet small" }, this.#hint);
    const label = (words: string) => `${words}: ${driver}`;
    this.#text = h("textarea", {
      id: "note",
      rows: 2,
      maxlength: 2000,
      "aria-label": label(t("note")),
      placeholder: t("note_placeholder"),
    });
    this.#tags = h("input", {
      id: "tags",
      maxlength: 200,
      "aria-label": label(t("tags")),
      placeholder: t("tags_placeholder"),
    });
    this.#text.value = note?.text ?? "";
    this.#tags.value = note?.tags.join(", ") ?? "";
    this.#stored = JSON.stringify(this.#note());
    const changed = trusted(() => void this.store());
    this.#text.addEventListener("change", changed);
    this.#tags.addEventListener("change", changed);
    this.element = h(
      "details",
      { open: Boolean(note) },
      h("summary", { id: "note-summary" }, t("note")),
      this.#text,
      this.#tags,
      this.#choices(presets),
      this.#status,
    );
  }

  #note(): Note {
    return { text: this.#text.value.trim(), tags: tagsIn(this.#tags.value) };
  }

  /** A button for each tag of the reader's list. */
  #choices(presets: readonly TagStyle[]): HTMLElement {
    const buttons = presets.map(({ name, colour }) => {
      const choice = button({ class: `tag choice t-${colour}`, id: `tag-${name}` }, name);
      choice.addEventListener(
        "click",
        trusted(() => {
          this.#tags.value = toggled(tagsIn(this.#tags.value), name).join(", ");
          show();
          void this.store();
        }),
      );
      return choice;
    });
    const show = () => {
      const chosen = tagsIn(this.#tags.value).map((tag) => tag.toLowerCase());
      for (const choice of buttons)
        choice.setAttribute("aria-pressed", String(chosen.includes((choice.textContent ?? "").toLowerCase())));
    };
    this.#tags.addEventListener("input", show);
    show();
    return h("div", { class: "choices", role: "group", "aria-label": t("tags") }, ...buttons);
  }

  /** Stores what is written, if it has changed. */
  async store(): Promise<void> {
    const note = this.#note();
    const written = JSON.stringify(note);
    if (written === this.#stored) return;
    try {
      await this.#save(note);
      this.#stored = written;
      this.#status.textContent = this.#hint;
    } catch {
      this.#status.textContent = t("not_saved");
    }
  }
}
