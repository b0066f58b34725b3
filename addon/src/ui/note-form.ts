/** The fields for the private note about a driver. What is written is kept until it is stored, however the card closes. */

import { t } from "../core/i18n.ts";
import type { Note } from "../core/notes.ts";
import { h, trusted } from "./h.ts";

export class NoteForm {
  readonly element: HTMLElement;
  readonly #text: HTMLTextAreaElement;
  readonly #tags: HTMLInputElement;
  readonly #status = h("p", { class: "quiet small" }, t("note_private"));
  readonly #save: (note: Note) => Promise<void>;
  #stored: string;

  /** @param save stores a note; rejects if the browser has no space for it */
  constructor(driver: string, note: Note | undefined, save: (note: Note) => Promise<void>) {
    this.#save = save;
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
      this.#status,
    );
  }

  #note(): Note {
    const tags = this.#tags.value
      .split(",")
      .map((tag) => tag.trim())
      .filter(Boolean);
    return { text: this.#text.value.trim(), tags: [...new Set(tags)].slice(0, 10) };
  }

  /** Stores what is written, if it has changed. */
  async store(): Promise<void> {
    const note = this.#note();
    const written = JSON.stringify(note);
    if (written === this.#stored) return;
    try {
      await this.#save(note);
      this.#stored = written;
      this.#status.textContent = t("note_private");
    } catch {
      this.#status.textContent = t("not_saved");
    }
  }
}
