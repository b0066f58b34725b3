import { beforeEach, describe, expect, it } from "vitest";
import { parseAnswer } from "../../src/core/model.ts";
import { type Note, readNotes } from "../../src/core/notes.ts";
import { DEFAULTS, readOptions } from "../../src/core/options.ts";
import { colourOf, DEFAULT_TAGS, readTags, type TagStyle, tagsIn, toggled } from "../../src/core/tags.ts";
import { matches, NotesPage } from "../../src/options/notes.ts";
import { line } from "../../src/ui/line.ts";
import { NoteForm } from "../../src/ui/note-form.ts";
import { driver } from "../support/drivers.mjs";

describe("tags", () => {
  it("have names once and colours that there are", () => {
    expect(readTags(undefined)).toEqual(DEFAULT_TAGS);
    expect(readTags([])).toEqual([]);
    expect(
      readTags([{ name: "a,b", colour: "red" }, { name: "A B", colour: "blue" }, { name: "c", colour: "url(x)" }, 5]),
    ).toEqual([
      { name: "a b", colour: "red" },
      { name: "c", colour: "grey" },
    ]);
    expect(readTags(Array.from({ length: 50 }, (_, i) => ({ name: `t${i}` })))).toHaveLength(20);
    expect(readOptions({ tags: [{ name: "fast", colour: "pink" }] }).tags).toEqual([{ name: "fast", colour: "pink" }]);
  });

  it("are read from a list, added and removed without regard to case", () => {
    expect(tagsIn(" clean, Clean,,fast ")).toEqual(["clean", "fast"]);
    expect(toggled(["clean"], "Clean")).toEqual([]);
    expect(toggled(["clean"], "fast")).toEqual(["clean", "fast"]);
    expect([colourOf(DEFAULT_TAGS, "CLEAN"), colourOf(DEFAULT_TAGS, "other")]).toEqual(["green", null]);
  });

  it("colour the line and its mark", () => {
    const answer = parseAnswer(driver(0, "Ann Tester"), 0);
    const view = { options: DEFAULTS, reader: null, now: () => 0 };
    const marked = line(answer, view, { text: "", tags: ["fast", "careful"] });
    expect(marked.className).toContain("marked t-amber");
    expect([...marked.querySelectorAll(".tag")].map((tag) => tag.className)).toEqual(["tag", "tag t-amber"]);
    expect(line(answer, view, { text: "x", tags: ["fast"] }).className).not.toContain("marked");
  });

  it("are chosen on the card by a button, and stored", async () => {
    const saved: Note[] = [];
    const form = new NoteForm("Ann Tester", { text: "hi", tags: ["fast"] }, DEFAULTS, async (note) => {
      saved.push(note);
    });
    const choice = form.element.querySelector<HTMLElement>("#tag-clean");
    choice?.click();
    expect(choice?.getAttribute("aria-pressed")).toBe("true");
    await new Promise((resolve) => setTimeout(resolve));
    choice?.click();
    await new Promise((resolve) => setTimeout(resolve));
    expect(saved.map((note) => note.tags)).toEqual([["fast", "clean"], ["fast"]]);
  });
});

describe("the page of notes", () => {
  let stored: Record<string, Note>;
  let tags: TagStyle[];
  let full: boolean;
  let root: HTMLElement;

  beforeEach(async () => {
    stored = readNotes({
      "ann tester": { text: "Leaves room", tags: ["clean"] },
      "bo demo": { text: "Divebombs at turn one", tags: ["careful"] },
    });
    tags = DEFAULT_TAGS;
    full = false;
    root = document.createElement("main");
    document.body.replaceChildren(root);
    const page = new NotesPage(root, {
      notes: async () => stored,
      saveNotes: async (notes) => {
        if (full) throw new Error("quota");
        stored = notes;
      },
      tags,
      saveTags: async (changed) => {
        tags = changed;
      },
    });
    await page.show();
  });

  const names = () => [...root.querySelectorAll(".list b")].map((name) => name.textContent);
  const type = (selector: string, value: string, event: string) => {
    const field = root.querySelector<HTMLInputElement>(selector);
    if (!field) throw new Error(selector);
    field.value = value;
    field.dispatchEvent(new Event(event));
  };
  const settled = () => new Promise((resolve) => setTimeout(resolve));

  it("finds by driver, text and tag", () => {
    expect(names()).toEqual(["ann tester", "bo demo"]);
    type("#search", "TURN bo", "input");
    expect(names()).toEqual(["bo demo"]);
    type("#search", "clean", "input");
    expect(names()).toEqual(["ann tester"]);
    expect(matches("ann", { text: "", tags: [] }, "")).toBe(true);
  });

  it("shows the notes with one tag", () => {
    root.querySelector<HTMLElement>(".tools [aria-pressed]")?.click();
    expect(names()).toEqual(["ann tester"]);
    root.querySelector<HTMLElement>(".tools [aria-pressed=true]")?.click();
    expect(names()).toHaveLength(2);
  });

  it("stores what is changed, and removes", async () => {
    type(".list textarea", "Fair", "change");
    await settled();
    expect(stored["ann tester"]).toEqual({ text: "Fair", tags: ["clean"] });
    root.querySelector<HTMLElement>(".list button")?.click();
    await settled();
    expect(Object.keys(stored)).toEqual(["bo demo"]);
    expect(names()).toEqual(["bo demo"]);
  });

  it("says so when there is no space, and loses nothing", async () => {
    full = true;
    type(".list textarea", "Fair", "change");
    await settled();
    expect(root.querySelector("[role=status]")?.textContent).toContain("Not saved");
    expect(stored["ann tester"]?.text).toBe("Leaves room");
  });

  it("changes the tags and their colours", () => {
    root.querySelector<HTMLElement>("#add-tag")?.click();
    expect(tags).toHaveLength(4);
    type(".presets li:last-child input", "fast", "change");
    type(".presets li:last-child select", "pink", "change");
    expect(tags[3]).toEqual({ name: "fast", colour: "pink" });
    root.querySelector<HTMLElement>(".presets li button")?.click();
    expect(tags.map((tag) => tag.name)).toEqual(["careful", "league", "fast"]);
  });
});
