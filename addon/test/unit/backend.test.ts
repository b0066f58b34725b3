import { beforeEach, describe, expect, it } from "vitest";
import { Backend, chunks, driversUrl, Forbidden, type Reply } from "../../src/core/backend.ts";
import type { Answer } from "../../src/core/model.ts";
import type { Store } from "../../src/core/shelf.ts";
import { driver, indexed, licencesOnly } from "../support/drivers.mjs";

function memory(): Store & { data: Map<string, unknown> } {
  const data = new Map<string, unknown>();
  return {
    data,
    read: async (keys) =>
      Object.fromEntries(keys.filter((k) => data.has(k)).map((k) => [k, structuredClone(data.get(k))])),
    write: async (values) => {
      for (const [k, v] of Object.entries(values)) data.set(k, structuredClone(v));
    },
    remove: async (keys) => {
      for (const k of keys) data.delete(k);
    },
    keys: async () => [...data.keys()],
  };
}

const namesOf = (url: string): string[] => (/names=([^&]*)/.exec(url)?.[1] ?? "").split(",").map(decodeURIComponent);

let clock: number;
let asked: string[];
let reply: (url: string) => Partial<Reply> | Error;
let session: ReturnType<typeof memory>;
let kept: ReturnType<typeof memory>;
let backend: Backend;

beforeEach(() => {
  clock = 1_000_000_000_000;
  asked = [];
  session = memory();
  kept = memory();
  reply = (url) => ({
    body: JSON.stringify(Object.fromEntries(namesOf(url).map((name, i) => [name, driver(i, name, clock)]))),
  });
  const get = async (url: string): Promise<Reply> => {
    if (url.endsWith("/cars")) return { status: 404, body: "{}", retryAfter: null };
    asked.push(url);
    const answer = reply(url);
    if (answer instanceof Error) throw answer;
    return { status: 200, body: "{}", retryAfter: null, ...answer };
  };
  backend = new Backend(
    async () => "http://b",
    get,
    session,
    kept,
    () => clock,
  );
});

const name = (answer: Answer | undefined) =>
  answer && "driver" in answer ? `${answer.driver.name} ${answer.driver.state}` : answer?.problem;

describe("asking the backend", () => {
  it("encodes each name, commas too", () => {
    expect(driversUrl("http://b", ["A, Jr", "Dörte & Co"])).toBe(
      "http://b/drivers?names=A%2C%20Jr,D%C3%B6rte%20%26%20Co&profile=0",
    );
  });

  it("asks for licences alone unless profiles are wanted, and does not wait if it should be now", async () => {
    await backend.drivers(["Ann Tester"], { now: true });
    await backend.drivers(["Bo Demo"]);
    await backend.drivers(["Finn Falsk"], { profile: true });
    expect(asked).toEqual([
      "http://b/drivers?names=Ann%20Tester&profile=0&wait=0",
      "http://b/drivers?names=Bo%20Demo&profile=0",
      "http://b/drivers?names=Finn%20Falsk",
    ]);
  });

  it("calls once for a page, and answers each name as it was given", async () => {
    const answers = await backend.drivers(["Ann Tester", "bo  demo", "Ann Tester"]);
    expect(asked).toHaveLength(1);
    expect(name(answers["Ann Tester"])).toBe("Ann Tester fresh");
    expect(name(answers["bo  demo"])).toBe("bo demo fresh");
  });

  it("puts at most 50 names into one call", async () => {
    await backend.drivers(Array.from({ length: 120 }, (_, i) => `Driver ${i}`));
    expect(asked.map((url) => namesOf(url).length)).toEqual([50, 50, 20]);
    expect(chunks(Array.from({ length: 50 }, () => "ü".repeat(100))).length).toBeGreaterThan(1);
  });

  it("does not ask for a name that is being asked for, or was answered in the last 15 minutes", async () => {
    await Promise.all([backend.drivers(["Ann Tester"]), backend.drivers(["Ann Tester", "Bo Demo"])]);
    expect(asked.map((url) => namesOf(url))).toEqual([["Ann Tester"], ["Bo Demo"]]);
    clock += 14 * 60_000;
    await backend.drivers(["Ann Tester"]);
    expect(asked).toHaveLength(2);
    clock += 2 * 60_000;
    await backend.drivers(["Ann Tester"]);
    expect(asked).toHaveLength(3);
    await backend.drivers(["Ann Tester"], { reload: true });
    expect(asked).toHaveLength(4);
  });

  it.each([
    ["partial answers", { ...driver(0), _meta: { state: "partial" } }],
    ["answers from the index", indexed(driver(0))],
  ])("does not cache %s", async (_, answer) => {
    reply = () => ({ body: JSON.stringify({ "Ann Tester": answer }) });
    await backend.drivers(["Ann Tester"]);
    await backend.drivers(["Ann Tester"]);
    expect(asked).toHaveLength(2);
    expect([...kept.data.keys()]).toEqual([]);
  });

  it("does not cache pending answers", async () => {
    reply = (url) => ({
      body: JSON.stringify({ [namesOf(url)[0] ?? ""]: { error: "soon", code: "pending", retry_after: 2 } }),
    });
    expect(await backend.drivers(["Ann Tester"])).toEqual({ "Ann Tester": { problem: "pending", retryAfter: 2 } });
    await backend.drivers(["Ann Tester"]);
    expect(asked).toHaveLength(2);
  });

  it("answers the other names when one answer is bad or missing", async () => {
    reply = () => ({ body: JSON.stringify({ "Ann Tester": driver(0), "Bo Demo": "nonsense" }) });
    const answers = await backend.drivers(["Ann Tester", "Bo Demo", "Finn Falsk"]);
    expect(Object.values(answers).map(name)).toEqual(["Ann Tester fresh", "unavailable", "unavailable"]);
  });

  it("refuses what is not a person's name without a call", async () => {
    expect(await backend.drivers(["", "Unknown"])).toEqual({
      "": { problem: "invalid_name", retryAfter: null },
      Unknown: { problem: "invalid_name", retryAfter: null },
    });
    expect(asked).toHaveLength(0);
  });
});

/** The backend answers for Ann Tester with licences of `irating`, or with a profile, too. */
const annWith = (irating: number, whole: boolean) => {
  const ann = driver(0, "Ann Tester", clock);
  ann.member_info.licenses[0].irating = irating;
  reply = () => ({ body: JSON.stringify({ "Ann Tester": whole ? ann : licencesOnly(ann) }) });
};

const seen = (answers: Record<string, Answer>) => {
  const answer = answers["Ann Tester"];
  return answer && "driver" in answer
    ? { irating: answer.driver.licences[0]?.irating, races: answer.driver.races?.length ?? null }
    : answer?.problem;
};

describe("licences alone", () => {
  it("are no answer for who wants a profile", async () => {
    annWith(1500, false);
    await backend.drivers(["Ann Tester"]);
    annWith(1500, true);
    expect(seen(await backend.drivers(["Ann Tester"], { profile: true }))).toEqual({ irating: 1500, races: 5 });
    expect(asked).toHaveLength(2);
  });

  it("come from a profile that was asked for before, with its races", async () => {
    annWith(1500, true);
    await backend.drivers(["Ann Tester"], { profile: true });
    expect(seen(await backend.drivers(["Ann Tester"]))).toEqual({ irating: 1500, races: 5 });
    expect(asked).toHaveLength(1);
  });

  it("that are newer do not remove the profile, and do not make it younger", async () => {
    annWith(1500, true);
    await backend.drivers(["Ann Tester"], { profile: true });
    clock += 10 * 60_000;
    annWith(1600, false);
    await backend.drivers(["Ann Tester"], { reload: true });
    expect(seen(await backend.drivers(["Ann Tester"], { profile: true }))).toEqual({ irating: 1600, races: 5 });
    expect(asked).toHaveLength(2);
    clock += 6 * 60_000;
    await backend.drivers(["Ann Tester"], { profile: true });
    expect(asked).toHaveLength(3);
  });

  it("do not remove the profile from what is kept for when the backend is not available", async () => {
    annWith(1500, true);
    await backend.drivers(["Ann Tester"], { profile: true });
    clock += 60 * 60_000;
    annWith(1600, false);
    await backend.drivers(["Ann Tester"]);
    clock += 60 * 60_000;
    reply = () => new Error("down");
    expect(seen(await backend.drivers(["Ann Tester"]))).toEqual({ irating: 1600, races: 5 });
  });

  it("are asked for at once while the profile of the same name is on its way", async () => {
    await Promise.all([backend.drivers(["Ann Tester"], { profile: true }), backend.drivers(["Ann Tester"])]);
    expect(asked).toHaveLength(2);
  });
});

describe("when the backend is not available", () => {
  it("the last good answer is used for 7 days, with the state `kept`", async () => {
    await backend.drivers(["Ann Tester"]);
    await session.remove(await session.keys());
    clock += 3 * 24 * 3_600_000;
    reply = () => new Error("down");
    const answers = await backend.drivers(["Ann Tester", "Bo Demo"]);
    expect(name(answers["Ann Tester"])).toBe("Ann Tester kept");
    expect(name(answers["Bo Demo"])).toBe("unreachable");
    clock += 30 * 24 * 3_600_000;
    expect(name((await backend.drivers(["Ann Tester"]))["Ann Tester"])).toBe("unreachable");
  });

  it("nothing is sent for a time that grows with each failure", async () => {
    reply = () => new Error("down");
    for (const pause of [2000, 4000, 8000]) {
      await backend.drivers(["Ann Tester"]);
      const calls = asked.length;
      clock += pause - 1;
      await backend.drivers(["Ann Tester"]);
      expect(asked).toHaveLength(calls);
      clock += 1;
    }
  });

  it("the reader can try again before that, but not before Retry-After", async () => {
    reply = () => new Error("down");
    await backend.drivers(["Ann Tester"]);
    await backend.drivers(["Ann Tester"], { reload: true });
    expect(asked).toHaveLength(2);
    clock += 60_000;
    reply = () => ({ status: 429, retryAfter: 90 });
    expect(await backend.drivers(["Ann Tester"])).toEqual({ "Ann Tester": { problem: "waiting", retryAfter: 90 } });
    clock += 80_000;
    await backend.drivers(["Ann Tester"], { reload: true });
    expect(asked).toHaveLength(3);
    clock += 11_000;
    await backend.drivers(["Ann Tester"], { reload: true });
    expect(asked).toHaveLength(4);
  });

  it("says whether the backend asks to wait, or does not answer", async () => {
    const problem = async (given: typeof reply) => {
      reply = given;
      clock += 3_600_000;
      return name((await backend.drivers(["Ann Tester"], { reload: true }))["Ann Tester"]);
    };
    expect(await problem(() => ({ status: 429 }))).toBe("waiting");
    expect(await problem(() => ({ status: 503, retryAfter: 20 }))).toBe("waiting");
    expect(await problem(() => ({ status: 502 }))).toBe("unreachable");
    expect(await problem(() => new Error("down"))).toBe("unreachable");
  });

  it("the pause stays in force after the background was stopped and started", async () => {
    reply = () => ({ status: 503, retryAfter: 300 });
    await backend.drivers(["Ann Tester"]);
    const restarted = new Backend(
      async () => "http://b",
      async (url) => {
        asked.push(url);
        return { status: 200, body: "{}", retryAfter: null };
      },
      session,
      kept,
      () => clock,
    );
    await restarted.drivers(["Ann Tester"]);
    expect(asked).toHaveLength(1);
  });

  it("a page that is not JSON counts as no backend", async () => {
    reply = () => ({ status: 200, body: "<html>hello" });
    expect(name((await backend.drivers(["Ann Tester"]))["Ann Tester"])).toBe("unreachable");
    await expect(backend.history(1, "oval", "irating")).rejects.toThrow();
  });
});

it.each(["withheld", "not_found"])("a driver of whom the backend says %s is kept no longer", async (code) => {
  await backend.drivers(["Ann Tester", "Bo Demo"]);
  clock += 60 * 60_000;
  reply = () => ({ body: JSON.stringify({ "Ann Tester": { error: "not here", code } }) });
  await backend.drivers(["Ann Tester"]);
  clock += 60 * 60_000;
  reply = () => new Error("down");
  const answers = await backend.drivers(["Ann Tester", "Bo Demo"]);
  expect(Object.values(answers).map(name)).toEqual(["unreachable", "Bo Demo kept"]);
});

it("at most 400 drivers are kept for when the backend is not available", async () => {
  for (let i = 0; i < 20; i++) {
    clock += 1000;
    await backend.drivers(Array.from({ length: 50 }, (_, k) => `Driver ${i * 50 + k}`));
  }
  const names = [...kept.data.keys()];
  expect(names.length).toBeLessThanOrEqual(400);
  expect(names).toContain("kept driver 999");
});

it("at most 600 answers and 40 histories are cached", async () => {
  for (let i = 0; i < 20; i++) {
    clock += 1000;
    await backend.drivers(Array.from({ length: 50 }, (_, k) => `Driver ${i * 50 + k}`));
  }
  reply = () => ({ body: JSON.stringify({ points: [] }) });
  for (let i = 0; i < 150; i++) {
    clock += 1000;
    await backend.history(i, "oval", "irating");
  }
  const keys = [...session.data.keys()];
  expect(keys.filter((key) => key.startsWith("driver ")).length).toBeLessThanOrEqual(600);
  expect(keys.filter((key) => key.startsWith("history ")).length).toBeLessThanOrEqual(40);
  expect(keys).toContain("driver driver 999");
  expect(keys).toContain("history 149 oval irating");
});

describe("the browser's storage", () => {
  const asks = async () => name((await backend.drivers(["Ann Tester"]))["Ann Tester"]);

  it.each(["read", "write", "remove", "keys"] as const)(
    "hides no answer by an error when it should %s",
    async (act) => {
      for (const store of [session, kept]) Object.assign(store, { [act]: () => Promise.reject(new Error("full")) });
      expect(await asks()).toBe("Ann Tester fresh");
      expect((await backend.history(5, "oval", "irating")).points).toEqual([]);
      reply = () => new Error("down");
      expect((await backend.drivers(["Bo Demo"]))["Bo Demo"]).toMatchObject({ problem: "unreachable" });
    },
  );

  it("that is full of other things gets room from older answers", async () => {
    for (let i = 0; i < 8; i++) {
      clock += 1000;
      await backend.drivers(Array.from({ length: 50 }, (_, k) => `Driver ${i * 50 + k}`));
    }
    const { write } = session;
    session.write = async (values) => {
      if (session.data.size > 350) throw new Error("full");
      return write(values);
    };
    expect(await asks()).toBe("Ann Tester fresh");
    expect([...session.data.keys()]).toContain("driver ann tester");
  });

  it.each([
    null,
    5,
    "x",
    {},
    { form: 1, at: 1e15 },
    { form: 1, at: 1e15, answer: { driver: { custId: 1, name: "Ann" } } },
    { at: 1e15, answer: { problem: "not_found" } },
  ])("with a corrupt entry (%j) takes neither its driver nor the others", async (entry) => {
    for (const [store, prefix] of [
      [session, "driver"],
      [kept, "kept"],
    ] as const)
      store.data.set(`${prefix} ann tester`, entry);
    session.data.set("pause", entry);
    const answers = await backend.drivers(["Ann Tester", "Bo Demo"]);
    expect(Object.values(answers).map(name)).toEqual(["Ann Tester fresh", "Bo Demo fresh"]);
  });

  it("gets no entry that is larger than its share", async () => {
    const points = Array.from({ length: 5000 }, (_, i) => ({ when: "2025-01-01", value: i }));
    reply = () => ({ body: JSON.stringify({ points }) });
    expect((await backend.history(5, "oval", "irating")).points).toHaveLength(5000);
    expect([...session.data.keys()]).toEqual([]);
  });
});

it("a driver who asked not to be shown is not asked for again soon", async () => {
  reply = () => ({ body: JSON.stringify({ "Ann Tester": { error: "withheld", code: "withheld" } }) });
  for (let i = 0; i < 2; i++) expect(name((await backend.drivers(["Ann Tester"]))["Ann Tester"])).toBe("withheld");
  expect(asked).toHaveLength(1);
});

it("an address that the browser does not allow is told from one that does not answer", async () => {
  reply = () => new Forbidden();
  expect(name((await backend.drivers(["Ann Tester"]))["Ann Tester"])).toBe("forbidden");
  expect(name((await backend.drivers(["Bo Demo"]))["Bo Demo"])).toBe("forbidden");
});

it("a history is cached", async () => {
  reply = () => ({ body: JSON.stringify({ points: [{ when: "2025-01-01", value: 1350 }] }) });
  expect((await backend.history(5, "oval", "irating")).points).toHaveLength(1);
  await backend.history(5, "oval", "irating");
  expect(asked).toEqual(["http://b/drivers/5/history?category=oval&kind=irating"]);
});
