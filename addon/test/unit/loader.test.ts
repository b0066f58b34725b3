import { afterEach, beforeEach, describe, expect, it, vi } from "vitest";
import { Loader } from "../../src/core/loader.ts";
import { type Answer, type Asking, parseAnswer } from "../../src/core/model.ts";
import { driver, indexed, licencesOnly } from "../support/drivers.mjs";

const NOW = Date.UTC(2026, 10, 24, 12);
const SOON: Answer = { problem: "pending", retryAfter: null };
const DOWN: Answer = { problem: "unavailable", retryAfter: null };
const licences = (name: string): Answer => parseAnswer(licencesOnly(driver(0, name, NOW)), NOW);
const whole = (name: string): Answer => parseAnswer(driver(0, name, NOW), NOW);
const fromIndex = (name: string): Answer => parseAnswer(indexed(driver(0, name, NOW), NOW), NOW);

const kept = (name: string): Answer => {
  const answer = licences(name);
  return "driver" in answer ? { driver: { ...answer.driver, state: "kept" } } : answer;
};

let calls: (Asking & { names: string[]; at: number })[];
let answered: string[];
/** What the backend says; an error rejects. */
let backend: (name: string, asking: Asking) => Answer | Error;
let profiles: boolean;
let show: () => void;
let visible: Promise<void>;
let troubles: (string | null)[];
let loader: Loader;

beforeEach(() => {
  vi.useFakeTimers({ now: NOW });
  calls = [];
  answered = [];
  troubles = [];
  backend = licences;
  profiles = false;
  visible = Promise.resolve();
  loader = new Loader({
    async ask(names, asking) {
      calls.push({ names, ...asking, at: Date.now() - NOW });
      return Object.fromEntries(
        names.map((name) => {
          const answer = backend(name, asking);
          if (answer instanceof Error) throw answer;
          return [name, answer];
        }),
      );
    },
    answered: (name) => answered.push(name),
    profiles: () => profiles,
    visible: () => visible,
    trouble: (trouble) => troubles.push(trouble),
  });
});
afterEach(() => vi.useRealTimers());

const pass = (milliseconds: number) => vi.advanceTimersByTimeAsync(milliseconds);

/** The page cannot be seen until `show()`. */
const hide = () => {
  visible = new Promise((resolve) => {
    show = resolve;
  });
};

const races = (name: string) => {
  const answer = loader.answer(name);
  return answer && "driver" in answer ? (answer.driver.races?.length ?? null) : answer?.problem;
};
const state = (name: string) => {
  const answer = loader.answer(name);
  return answer && "driver" in answer ? answer.driver.state : answer?.problem;
};

describe("a page", () => {
  it("sends wanted names in one call, with other names of the page up to 32, for licences, without waiting", async () => {
    for (let i = 0; i < 100; i++) loader.add(`Driver ${i}`);
    loader.load("Driver 50");
    loader.load("Driver 51");
    await pass(600_000);
    expect(calls).toHaveLength(1);
    expect(calls[0]).toMatchObject({ profile: false, now: true });
    expect(calls[0]?.names.slice(0, 3)).toEqual(["Driver 50", "Driver 51", "Driver 0"]);
    expect(calls[0]?.names).toHaveLength(32);
  });

  it("does not send names that have left it", async () => {
    loader.add("Ann Tester");
    loader.remove("Ann Tester");
    loader.load("Bo Demo");
    await pass(50);
    expect(calls.map(({ names }) => names)).toEqual([["Bo Demo"]]);
  });

  it("keeps the answers of the last 100 names that have left it, and of all that are on it", async () => {
    loader.load("Stays");
    for (let i = 0; i < 150; i++) {
      loader.add(`Driver ${i}`);
      loader.load(`Driver ${i}`);
      await pass(50);
      loader.remove(`Driver ${i}`);
      if (i === 10) loader.add("Driver 10"); // it has come back
    }
    const kept = Array.from({ length: 150 }, (_, i) => i).filter((i) => state(`Driver ${i}`) === "fresh");
    expect(kept).toEqual([10, ...Array.from({ length: 100 }, (_, i) => i + 50)]);
    expect(state("Stays")).toBe("fresh");
  });

  it("asks again for a name that comes back long after it has left", async () => {
    for (let i = 0; i < 102; i++) {
      loader.load(`Driver ${i}`);
      await pass(50);
      loader.remove(`Driver ${i}`);
    }
    calls = [];
    for (const name of ["Driver 0", "Driver 101"]) loader.load(name);
    await pass(50);
    expect(calls.map(({ names }) => names)).toEqual([["Driver 0"]]);
  });

  it("asks for names that are pending again at once, in one call that may wait", async () => {
    backend = (name, { now }) => (now && name !== "Ann Tester" ? SOON : licences(name));
    for (const name of ["Ann Tester", "Bo Demo", "Finn Falsk"]) loader.load(name);
    await pass(20);
    expect(calls.map(({ names, now, at }) => [names, now, at])).toEqual([
      [["Ann Tester", "Bo Demo", "Finn Falsk"], true, 20],
      [["Bo Demo", "Finn Falsk"], undefined, 20],
    ]);
    await pass(600_000);
    expect(calls).toHaveLength(2);
    expect(answered).toEqual(["Ann Tester", "Bo Demo", "Finn Falsk", "Bo Demo", "Finn Falsk"]);
  });

  it("asks for a name that stays pending six times more, later each time", async () => {
    backend = () => SOON;
    loader.load("x");
    await pass(600_000);
    expect(calls.map(({ at }) => at - 20)).toEqual([0, 0, 1000, 3000, 7000, 15_000, 30_000, 60_000]);
  });

  it("asks for a name that stays pending when the backend says", async () => {
    backend = (_, { now }) => ({ problem: "pending", retryAfter: now ? 2 : 45 });
    loader.load("x");
    await pass(100_000);
    expect(calls.map(({ at }) => at - 20)).toEqual([0, 0, 45_000, 90_000]);
  });

  it("asks again for a name that iRacing could not be asked for when the backend says, and for the others at once", async () => {
    backend = (name) =>
      calls.length > 2 ? licences(name) : name === "Ann" ? { problem: "unavailable", retryAfter: 40 } : SOON;
    for (const name of ["Ann", "Bo"]) loader.load(name);
    await pass(20);
    expect(calls.map(({ names }) => names)).toEqual([["Ann", "Bo"], ["Bo"]]);
    expect(loader.answer("Ann")).toEqual({ problem: "unavailable", retryAfter: 40 });
    await pass(39_000);
    expect(loader.answer("Bo")).toHaveProperty("driver");
    expect(loader.answer("Ann")).toEqual({ problem: "unavailable", retryAfter: 40 });
    await pass(2_000);
    expect(loader.answer("Ann")).toHaveProperty("driver");
  });

  it("asks six times at most for a name that iRacing cannot be asked for", async () => {
    backend = () => ({ problem: "unavailable", retryAfter: 60 });
    loader.load("Ann");
    await pass(3_600_000);
    expect(calls.map(({ at }) => Math.round(at / 60_000))).toEqual([0, 1, 2, 3, 4, 5, 6]);
  });

  it("does not ask again while the reader does not see it", async () => {
    backend = (_, { now }) => (now ? SOON : calls.length < 3 ? SOON : licences("x"));
    hide();
    loader.load("x");
    await pass(60_000);
    expect(calls).toHaveLength(2);
    show();
    await pass(0);
    expect([calls.length, state("x")]).toEqual([3, "fresh"]);
  });

  it("shows that the stats are unavailable if the call fails", async () => {
    backend = () => new Error("gone");
    await loader.reload("Ann Tester");
    expect(loader.answer("Ann Tester")).toEqual(DOWN);
  });
});

describe("a backend that cannot be used", () => {
  const LOST: Answer = { problem: "unreachable", retryAfter: 2 };

  it("is said once for the page, and asked again by itself, later each time, until it answers", async () => {
    let up = false;
    backend = (name) => (up ? licences(name) : LOST);
    loader.load("Ann Tester");
    loader.load("Bo Demo");
    await pass(200_000);
    expect(calls.map(({ at }) => at - 20)).toEqual([0, 3000, 9000, 21_000, 45_000, 93_000, 153_000]);
    expect(new Set(troubles)).toEqual(new Set(["unreachable"]));
    up = true;
    await pass(60_000);
    expect([state("Ann Tester"), state("Bo Demo"), troubles.at(-1)]).toEqual(["fresh", "fresh", null]);
    const { length } = calls;
    await pass(600_000);
    expect(calls).toHaveLength(length);
  });

  it("is not asked before it says", async () => {
    backend = () => ({ problem: "unreachable", retryAfter: 300 });
    loader.load("Ann Tester");
    await pass(290_000);
    expect(calls).toHaveLength(1);
    await pass(20_000);
    expect(calls).toHaveLength(2);
  });

  it("is not asked while the reader does not see the page", async () => {
    backend = () => LOST;
    hide();
    loader.load("Ann Tester");
    await pass(600_000);
    expect(calls).toHaveLength(1);
    backend = licences;
    show();
    await pass(0);
    expect(state("Ann Tester")).toBe("fresh");
  });

  it("is asked for all names at once when the reader presses the button", async () => {
    backend = () => LOST;
    for (let i = 0; i < 70; i++) loader.load(`Driver ${i}`);
    await pass(100);
    backend = licences;
    loader.retryAll();
    await pass(0);
    expect(calls.slice(1).map(({ names, reload }) => [names.length, reload])).toEqual([
      [50, true],
      [20, true],
    ]);
    await pass(600_000);
    expect(calls).toHaveLength(3);
  });

  it("replaces kept stats by new ones when it answers again", async () => {
    backend = kept;
    loader.load("Ann Tester");
    await pass(1000);
    expect([state("Ann Tester"), troubles.at(-1)]).toEqual(["kept", null]);
    backend = licences;
    await pass(10_000);
    expect(state("Ann Tester")).toBe("fresh");
  });
});

describe("drivers from the index", () => {
  it("are asked for once more after 3 s, in one call, for licences", async () => {
    backend = (name) => (calls.length < 3 && name !== "Finn Falsk" ? fromIndex(name) : licences(name));
    loader.load("Ann Tester");
    loader.load("Finn Falsk");
    await pass(1000);
    loader.load("Bo Demo");
    await pass(50);
    expect([state("Ann Tester"), state("Bo Demo"), state("Finn Falsk")]).toEqual(["index", "index", "fresh"]);
    await pass(600_000);
    expect(calls.map(({ names, profile, at }) => [names, !!profile, at])).toEqual([
      [["Ann Tester", "Finn Falsk"], false, 20],
      [["Bo Demo"], false, 1020],
      [["Ann Tester", "Bo Demo"], false, 3020],
    ]);
    expect([state("Ann Tester"), state("Bo Demo")]).toEqual(["fresh", "fresh"]);
  });

  it("are not asked for a third time, also if they are still from the index", async () => {
    backend = fromIndex;
    loader.load("Ann Tester");
    await pass(600_000);
    expect(calls).toHaveLength(2);
    expect(state("Ann Tester")).toBe("index");
  });

  it("are asked for once more when the reader sees the page again", async () => {
    backend = fromIndex;
    hide();
    loader.load("Ann Tester");
    await pass(60_000);
    expect(calls).toHaveLength(1);
    show();
    await pass(0);
    expect(calls).toHaveLength(2);
  });

  it("are not asked for once more if a card has made them fresh", async () => {
    backend = (name, { profile }) => (profile ? whole(name) : fromIndex(name));
    loader.load("Ann Tester");
    await pass(100);
    await loader.loadProfile("Ann Tester");
    await pass(600_000);
    expect(calls).toHaveLength(2);
  });
});

describe("a profile", () => {
  const open = async () => {
    loader.load("Ann Tester");
    loader.load("Bo Demo");
    await pass(50);
    await loader.loadProfile("Ann Tester");
  };

  it("is asked for when the card opens, for this name alone, once", async () => {
    backend = (name, { profile }) => (profile ? whole(name) : licences(name));
    await open();
    await loader.loadProfile("Ann Tester");
    expect(calls[1]).toMatchObject({ names: ["Ann Tester"], profile: true });
    expect(calls).toHaveLength(2);
    expect([races("Ann Tester"), races("Bo Demo")]).toEqual([5, null]);
  });

  it("is not asked for if the backend has sent it with the licences", async () => {
    backend = whole;
    await open();
    expect(calls).toHaveLength(1);
  });

  it("that is not there yet is asked for again, and the licences stay", async () => {
    const partial: Answer = parseAnswer({ ...licencesOnly(driver(0)), _meta: { state: "partial" } }, NOW);
    backend = (name, { profile }) => (!profile ? licences(name) : calls.length < 3 ? partial : whole(name));
    await open();
    expect([races("Ann Tester"), loader.isLoading("Ann Tester")]).toEqual([null, true]);
    await pass(1000);
    expect(races("Ann Tester")).toBe(5);
  });

  it.each([
    ["an error", () => DOWN, "fresh"],
    ["kept licences", kept, "kept"],
  ])("that cannot be had (%s) leaves the licences, and the next card asks again", async (_, answer, then) => {
    backend = (name, { profile }) => (profile ? answer(name) : licences(name));
    await open();
    expect([state("Ann Tester"), races("Ann Tester"), loader.isLoading("Ann Tester")]).toEqual([then, null, false]);
    backend = whole;
    await loader.loadProfile("Ann Tester");
    expect(races("Ann Tester")).toBe(5);
  });

  it("stays when newer licences come without it", async () => {
    backend = (name, { profile }) => (profile ? whole(name) : fromIndex(name));
    loader.load("Ann Tester");
    await pass(50);
    backend = whole;
    await loader.loadProfile("Ann Tester");
    backend = licences;
    await loader.reload("Ann Tester");
    expect(races("Ann Tester")).toBe(5);
  });

  it("is loaded again with the driver", async () => {
    backend = whole;
    await open();
    await loader.reload("Ann Tester");
    expect(calls.at(-1)).toMatchObject({ names: ["Ann Tester"], profile: true, reload: true });
  });
});

describe("a page whose lines show races", () => {
  beforeEach(() => {
    profiles = true;
  });

  it("asks for profiles, of the names in view alone", async () => {
    backend = whole;
    for (let i = 0; i < 30; i++) loader.add(`Driver ${i}`);
    loader.load("Driver 5");
    await pass(600_000);
    expect(calls).toMatchObject([{ names: ["Driver 5"], profile: true, now: true }]);
  });

  it("shows the licences that are known at once, and then the profiles", async () => {
    backend = (name, { now }) => (now ? fromIndex(name) : whole(name));
    loader.load("Ann Tester");
    await pass(600_000);
    expect(calls).toMatchObject([{ now: true }, { names: ["Ann Tester"], profile: true }]);
    expect(calls[1]?.at).toBe(20);
    expect(races("Ann Tester")).toBe(5);
  });

  it("asks for the profiles of names whose licences are known when the layout changes to that", async () => {
    profiles = false;
    loader.load("Ann Tester");
    await pass(50);
    profiles = true;
    backend = whole;
    loader.load("Ann Tester");
    await pass(50);
    expect(calls.map(({ profile }) => profile)).toEqual([false, true]);
    loader.load("Ann Tester");
    await pass(50);
    expect(calls).toHaveLength(2);
  });
});

it.each(["withheld", "not_found"] as const)("a driver who is shown goes when the backend says %s", async (problem) => {
  loader.load("Ann Tester");
  await pass(100);
  backend = () => ({ problem, retryAfter: null });
  await loader.reload("Ann Tester");
  expect(loader.answer("Ann Tester")).toEqual({ problem, retryAfter: null });
});
