import { beforeEach, describe, expect, it } from "vitest";
import { Backend } from "../../src/core/backend.ts";
import { type Driver, parseDriver, parseResults, type Results } from "../../src/core/model.ts";
import { DEFAULTS } from "../../src/core/options.ts";
import type { Store } from "../../src/core/shelf.ts";
import { allRaces, raceList, togetherList } from "../../src/ui/results.ts";
import { cars, driver, licencesOnly, NAMES, results, SHARED } from "../support/drivers.mjs";

const NOW = 1_700_000_000_000;
const HOUR = 3_600_000;

function memory(): Store {
  const data = new Map<string, unknown>();
  return {
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

let now: number;
let asked: string[];
let down: RegExp | null;
let backend: Backend;

beforeEach(() => {
  now = NOW;
  asked = [];
  down = null;
  const get = async (url: string) => {
    const path = url.slice("http://b".length);
    asked.push(path);
    if (down?.test(path)) return { status: 503, body: "{}", retryAfter: 60 };
    const id = /^\/drivers\/(\d+)\/races$/.exec(path)?.[1];
    const names = /names=([^&]*)/.exec(path)?.[1]?.split(",").map(decodeURIComponent) ?? [];
    const whole = !path.includes("profile=0");
    const known = names.map((name) => [name, driver(NAMES.indexOf(name), name, now)]);
    const drivers = () => Object.fromEntries(whole ? known : known.map(([name, d]) => [name, licencesOnly(d)]));
    const body = id ? results(Number(id) - 900000, now) : path === "/cars" ? cars() : drivers();
    return { status: 200, body: JSON.stringify(body), retryAfter: null };
  };
  backend = new Backend(
    async () => "http://b",
    get,
    memory(),
    memory(),
    () => now,
  );
});

const one = async (name: string, profile = true): Promise<Driver> => {
  const answer = (await backend.drivers([name], { profile }))[name];
  if (!answer || !("driver" in answer)) throw new Error("no driver");
  return answer.driver;
};

describe("the categories of cars", () => {
  it("are iRacing's, from one call a day", async () => {
    expect((await one("Ann Tester")).races?.[0]?.category).toBe("sports_car");
    expect((await one("Caspar van Voorbeeld")).races?.[0]?.category).toBe("sports_car"); // a Dallara P217
    expect((await one("Dörte Prüfling")).races?.[0]?.category).toBe("formula_car");
    expect(asked.filter((path) => path === "/cars")).toHaveLength(1);
    now += 25 * HOUR;
    await one("Ann Tester");
    expect(asked.filter((path) => path === "/cars")).toHaveLength(2);
  });

  it("are not asked for by a page of licences", async () => {
    await one("Ann Tester", false);
    expect(asked).toEqual(["/drivers?names=Ann%20Tester&profile=0"]);
  });

  it("that a backend does not have leave the races without, and pause nothing", async () => {
    down = /cars/;
    expect((await one("Ann Tester")).races?.[0]?.category).toBeNull();
    expect((await one("Bo Demo")).races?.[0]?.category).toBeNull();
    expect(asked.filter((path) => path === "/cars")).toHaveLength(1);
  });
});

describe("races", () => {
  it("have what they did to the ratings, and are asked for once", async () => {
    const { races } = await backend.races(900003);
    expect(races).toHaveLength(8);
    expect(races[0]).toMatchObject({ car: "Dallara F3", category: "formula_car", irating: 51, safety: -0.07, from: 4 });
    await backend.races(900003);
    expect(asked).toEqual(["/drivers/900003/races"]);
  });

  it("that the reader drove, too, are found with one call for the reader's own", async () => {
    const { together } = await backend.races(900001, "Ann Tester");
    expect(together.map((race) => race.subsession)).toEqual([SHARED]);
    await backend.races(900002, "Ann Tester");
    expect(asked.filter((path) => path === "/drivers/900000/races")).toHaveLength(1);
  });

  it("that were shared are remembered for the line, without another call", async () => {
    expect((await one("Bo Demo", false)).met).toBeUndefined();
    await backend.races(900001, "Ann Tester");
    const before = asked.length;
    expect((await one("Bo Demo", false)).met).toBe(1);
    expect((await one("Ann Tester", false)).met).toBeUndefined();
    expect(asked.length).toBe(before);
  });

  it("are shown although the reader's own cannot be had", async () => {
    down = /names=/;
    const { races, together } = await backend.races(900001, "Ann Tester");
    expect(races).toHaveLength(9);
    expect(together).toEqual([]);
  });

  it("of a wrong shape are left out", () => {
    expect(parseResults(null)).toEqual([]);
    expect(parseResults({ races: [null, 1, {}, { subsession_id: "x" }, { subsession_id: -1 }] })).toEqual([]);
    const odd = { subsession_id: 5, irating_change: "52", safety_rating_change: 1e9, car_name: 7, incidents: -1 };
    expect(parseResults({ races: [odd] })).toMatchObject([{ irating: null, safety: null, car: "", incidents: null }]);
  });
});

describe("the card's list of races", () => {
  const known = parseDriver(driver(1, "Bo Demo", NOW), NOW) as Driver;
  const found: Results = { races: parseResults(results(1, NOW)), together: [] };

  it("has each race once, newest first, of profile and results", () => {
    const all = allRaces(known, found, { ...DEFAULTS, raceCount: 10 });
    const ids = all.map((race) => race.subsession);
    expect(new Set(ids).size).toBe(ids.length);
    expect(ids).toContain(SHARED);
    expect(all.map((race) => race.start)).toEqual(
      [...all.map((race) => race.start)].sort((a, b) => (b ?? 0) - (a ?? 0)),
    );
    expect(all.some((race) => race.type === "HOSTED" && race.irating === undefined)).toBe(true);
  });

  it("shows gains, incidents and strength of field, and no iRating to readers who hide ratings", () => {
    const text = raceList(known, found, DEFAULTS, false).textContent;
    expect(text).toContain("SoF");
    expect(text).toContain("−23");
    expect(text).toContain("−0.01");
    expect(text).toContain("1x");
    const hidden = raceList(known, found, { ...DEFAULTS, hideRatings: true }, false).textContent;
    expect(hidden).not.toMatch(/SoF|−23/);
    expect(hidden).toContain("−0.01");
  });

  it("says where both finished in a race that the reader drove, too", () => {
    const mine = { ...(found.races[1] as Results["together"][number]), to: 7 };
    expect(togetherList({ ...found, together: [mine] })?.textContent).toContain(`P${found.races[1]?.to} · you P7`);
    expect(togetherList(found)).toBeNull();
  });
});
