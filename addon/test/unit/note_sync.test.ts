import { beforeEach, describe, expect, it } from "vitest";
import { entriesOf, merged, packed, stamped, unpacked } from "../../src/core/note_sync.ts";
import { type Note, readNotes, withNote } from "../../src/core/notes.ts";
import { NoteSync } from "../../src/platform/note_sync.ts";

type Values = Record<string, unknown>;

/** A storage area that tells of changes, as the browsers' do, and has the browsers' limit of an item. */
function area(changed: (before: Values, after: Values) => void = () => {}) {
  let data: Values = {};
  const put = (next: Values) => {
    const before = data;
    data = next;
    changed(before, data);
  };
  return {
    get: async (keys: string[] | null) =>
      structuredClone(keys ? Object.fromEntries(keys.filter((k) => k in data).map((k) => [k, data[k]])) : data),
    set: async (values: Values) => {
      for (const [key, value] of Object.entries(values))
        if (
          key.startsWith("notes ") &&
          /\d/.test(key) &&
          key.length + new TextEncoder().encode(JSON.stringify(value)).length > 8192
        )
          throw new Error("QUOTA_BYTES_PER_ITEM");
      put({ ...data, ...structuredClone(values) });
    },
    remove: async (keys: string[]) => put(Object.fromEntries(Object.entries(data).filter(([k]) => !keys.includes(k)))),
    all: () => data,
  };
}

/** Browsers that share a synced storage. */
function browsers(count: number, wanted = () => true) {
  let now = 1_700_000_000_000;
  const syncs: NoteSync[] = [];
  const pending: Promise<unknown>[] = [];
  const shared = area(() => {
    for (const sync of syncs) pending.push(sync.run());
  });
  const all = Array.from({ length: count }, () => {
    const local = area((before, after) => {
      if (JSON.stringify(before.notes) !== JSON.stringify(after.notes))
        pending.push(sync.changed(before.notes, after.notes));
    });
    const sync = new NoteSync(
      local,
      shared,
      async () => wanted(),
      () => now,
    );
    syncs.push(sync);
    const notes = () => readNotes(local.all().notes);
    return {
      sync,
      local,
      notes,
      write: async (name: string, note: Note) => {
        now += 1000;
        await local.set({ notes: withNote(notes(), name, note) });
      },
    };
  });
  const settled = async () => {
    while (pending.length) await pending.shift();
  };
  return { all, shared, settled };
}

const tag = (text: string): Note => ({ text, tags: [] });

describe("synced notes", () => {
  let two: ReturnType<typeof browsers>;
  beforeEach(() => {
    two = browsers(2);
  });

  it("come to the other browser, changed ones and removed ones, too", async () => {
    const [one, other] = two.all;
    await one?.write("Ann Tester", tag("fair"));
    await two.settled();
    expect(other?.notes()["ann tester"]).toMatchObject({ text: "fair", name: "Ann Tester" });
    await other?.write("Ann Tester", tag("very fair"));
    await two.settled();
    expect(one?.notes()["ann tester"]?.text).toBe("very fair");
    await one?.write("Ann Tester", tag(""));
    await two.settled();
    expect(other?.notes()).toEqual({});
  });

  it("that both have changed are those of the later change, and nothing goes round in circles", async () => {
    const [one, other] = two.all;
    await Promise.all([one?.write("Ann Tester", tag("first")), other?.write("Ann Tester", tag("second"))]);
    await other?.write("Bo Demo", tag("x"));
    await two.settled();
    expect(one?.notes()).toEqual(other?.notes());
    expect(one?.notes()["ann tester"]?.text).toBe("second");
    const before = JSON.stringify(two.shared.all());
    await one?.sync.run();
    await two.settled();
    expect(JSON.stringify(two.shared.all())).toBe(before);
  });

  it("are not synced unless the reader wants it", async () => {
    const apart = browsers(2, () => false);
    await apart.all[0]?.write("Ann Tester", tag("fair"));
    await apart.settled();
    expect(apart.shared.all()).toEqual({});
    expect(apart.all[1]?.notes()).toEqual({});
  });

  it("keep within the browser's limits, and stay in this browser when they are too many", async () => {
    const [one, other] = two.all;
    const many = (count: number) =>
      readNotes(Object.fromEntries(Array.from({ length: count }, (_, i) => [`d${i}`, tag('"ü" '.repeat(60))])));
    await one?.local.set({ notes: many(60) });
    await two.settled();
    expect(Object.keys(other?.notes() ?? {})).toHaveLength(60);
    const stored = JSON.stringify(two.shared.all());
    await one?.local.set({ notes: many(600) });
    await two.settled();
    expect(Object.keys(one?.notes() ?? {})).toHaveLength(600);
    expect(JSON.stringify(two.shared.all())).toBe(stored);
    expect(one?.local.all()["notes full"]).toBe(true);
  });

  it("with one of the longest kind fit into an item of their own, or are too many", () => {
    const size = (text: string) => {
      const items = packed(entriesOf(readNotes({ aa: tag(text), bb: tag(text) }), {}, 0));
      return items && Object.values(items).map((item) => JSON.stringify(item).length);
    };
    expect(size("x".repeat(2000))).toHaveLength(1);
    expect(size("\u0001".repeat(2000))).toBeNull();
  });

  it("of a wrong shape are left out", () => {
    const odd = {
      "notes 0": "{",
      "notes 1": 5,
      options: "{}",
      "notes 2": '{"a":1,"b":{"at":"x"},"c":{"at":1,"note":7}}',
    };
    expect(unpacked(odd)).toEqual({});
    expect(unpacked({ "notes 0": '{"__proto__":{"at":5,"note":{"text":"x","tags":[]}}}' })).toMatchObject({
      ["__proto__"]: { at: 5 },
    });
  });

  it("have a time from their change on", () => {
    const before = readNotes({ aa: tag("1"), bb: tag("2") });
    expect(stamped(before, readNotes({ aa: tag("1"), cc: tag("3") }), { aa: 4 }, 9)).toEqual({ aa: 4, bb: 9, cc: 9 });
    expect(merged({ a: { at: 2, note: null } }, { a: { at: 1, note: tag("old") } })).toEqual({
      a: { at: 2, note: null },
    });
  });
});
