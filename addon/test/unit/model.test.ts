import { describe, expect, it } from "vitest";
import { type Driver, instant, merged, parseAnswer, parseDriver, parseHistory, text } from "../../src/core/model.ts";
import { driver, indexed, licencesOnly } from "../support/drivers.mjs";

const NOW = Date.UTC(2026, 10, 24, 12);
const parsed = (raw: unknown): Driver => {
  const result = parseDriver(raw, NOW);
  if (!result) throw new Error("no driver");
  return result;
};

describe("a driver from the backend", () => {
  it("has licences, country, membership, followers and races", () => {
    const ann = parsed(driver(0, "Ann Tester", NOW));
    expect(ann).toMatchObject({ custId: 900000, name: "Ann Tester", country: { code: "NL", name: "Netherlands" } });
    expect(ann.licences.map((l) => l.category)).toEqual([
      "oval",
      "sports_car",
      "formula_car",
      "dirt_oval",
      "dirt_road",
    ]);
    expect(ann.races).toHaveLength(5);
    expect(ann.asOf).toBe(NOW - 240_000);
  });

  it("has null as iRating in a category without one", () => {
    const raw = driver(0);
    delete raw.member_info.licenses[0].irating;
    raw.member_info.licenses[1].irating = -1;
    expect(
      parsed(raw)
        .licences.slice(0, 2)
        .map((l) => l.irating),
    ).toEqual([null, null]);
  });

  it("has ranks, starts and wins in each licence", () => {
    const raw = driver(0);
    Object.assign(raw.member_info.licenses[0], {
      starts: 40,
      wins: 0,
      rank: { world: 41, of: 1000, country: 2, country_of: 90 },
    });
    expect(parsed(raw).licences[0]).toMatchObject({
      starts: 40,
      wins: 0,
      world: { place: 41, of: 1000 },
      national: { place: 2, of: 90 },
    });
  });

  it.each([
    [undefined],
    ["41"],
    [{ world: 0, of: 10 }],
    [{ world: 11, of: 10 }],
    [{ world: -1, of: 10 }],
    [{ world: 3 }],
    [{ country: 1, country_of: "x" }],
  ])("has no rank if the backend sends %j", (rank) => {
    const raw = driver(0);
    raw.member_info.licenses[0].rank = rank;
    expect(parsed(raw).licences[0]).toMatchObject({ world: null, national: null });
  });

  it("from the index has licences, a country without a name, and no profile", () => {
    expect(parsed(indexed(driver(0, "Ann Tester", NOW), NOW))).toMatchObject({
      state: "index",
      country: { code: "NL", name: "NL" },
      races: null,
      followers: null,
      asOf: NOW - 14 * 3_600_000,
    });
  });

  it("without a profile and without an index has its flair as country, if that is one", () => {
    const raw = licencesOnly(driver(0));
    delete raw.member_info.country;
    delete raw.member_info.country_code;
    Object.assign(raw.member_info, { flair_name: "Netherlands", flair_shortname: "NLD" });
    expect(parsed(raw).country).toEqual({ code: "NL", name: "Netherlands" });
    raw.member_info.flair_name = "iRacing";
    delete raw.member_info.flair_shortname;
    expect(parsed(raw).country).toBeNull();
  });

  it("keeps its profile when newer licences come, but not another driver's", () => {
    const raw = driver(0);
    const [older, newer] = [parsed(raw), parsed(licencesOnly(raw))];
    newer.licences = [];
    expect(merged(older, newer)).toEqual({ ...older, licences: [] });
    expect(merged(older, { ...newer, custId: 7 }).races).toBeNull();
    expect(merged(newer, older)).toBe(older);
  });

  it("has qualifying and time trials as kinds of their own, however iRacing writes them", () => {
    const raw = driver(0);
    ["Open Qualify", "LONE QUALIFY", "Time Trial", "TIME_TRIAL"].forEach((type, i) => {
      Object.assign(raw.recent_events[i] ?? {}, { event_type: type });
    });
    expect(parsed(raw).races?.map(({ type }) => type)).toEqual([
      "QUALIFY",
      "QUALIFY",
      "TIMETRIAL",
      "TIMETRIAL",
      "PRACTICE",
    ]);
  });

  it("has positions from 1, and null for -1", () => {
    const raw = driver(0);
    Object.assign(raw.recent_events[0], { starting_position: 0, finish_position: 4 });
    Object.assign(raw.recent_events[1], { starting_position: -1, finish_position: -1 });
    expect(
      parsed(raw)
        .races?.slice(0, 2)
        .map((r) => [r.from, r.to]),
    ).toEqual([
      [1, 5],
      [null, null],
    ]);
  });

  it("has its own class for Pro/WC", () => {
    const raw = driver(0);
    Object.assign(raw.member_info.licenses[0], { group_id: 7, group_name: "Pro/WC" });
    expect(parsed(raw).licences[0]?.class).toBe("W");
  });

  it("has the class of the licence level if there is no group", () => {
    const raw = driver(0);
    Object.assign(raw.member_info.licenses[0], { group_id: undefined, license_level: 19 });
    expect(parsed(raw).licences[0]?.class).toBe("A");
  });

  it.each([
    ["FIN", "FI"],
    ["SWE", "SE"],
    ["PRT", "PT"],
    ["EST", "EE"],
    ["COM", "KM"],
    ["ENG", "ENG"],
  ])("has the same country code from the flair %s as from a profile", (short, code) => {
    const raw = driver(0);
    Object.assign(raw.member_info, { country_code: code, flair_shortname: short });
    const profile = parsed(raw).country?.code;
    delete raw.member_info.country;
    delete raw.member_info.country_code;
    expect([parsed(raw).country?.code, profile]).toEqual([code, code]);
  });

  it("has the flair's country, as its profile will have, and not that of the account in the index", () => {
    const raw = driver(0);
    delete raw.member_info.country;
    Object.assign(raw.member_info, { country_code: "GB", flair_name: "Scotland", flair_shortname: "SCT" });
    expect(parsed(raw).country).toEqual({ code: "SCT", name: "Scotland" });
  });

  it("has the flair's name as country if the country is empty", () => {
    expect(parsed(driver(3)).country).toEqual({ code: "SCT", name: "Scotland" });
  });

  it("that is partial has null for the profile's fields", () => {
    const { recent_events: _, follow_counts: __, activity: ___, ...rest } = driver(0);
    const partial = parsed({ ...rest, _meta: { state: "partial" } });
    expect(partial).toMatchObject({ state: "partial", races: null, followers: null, activity: null });
  });

  it("is fresh if there is no _meta", () => {
    const { _meta: _, ...raw } = driver(0);
    expect(parsed(raw)).toMatchObject({ state: "fresh", asOf: null });
  });

  it.each([
    null,
    1,
    "x",
    [],
    {},
    { cust_id: 1 },
    { member_info: null },
    { cust_id: "1", member_info: { display_name: 1 } },
  ])("is null for %j", (raw) => expect(parseDriver(raw, NOW)).toBeNull());

  it("is read also with wrong types in every other field", () => {
    for (const wrong of [null, 7, "x", [], {}, [[]], true]) {
      const raw = driver(0) as Record<string, unknown>;
      for (const key of Object.keys(raw)) if (key !== "member_info" && key !== "cust_id") raw[key] = wrong;
      const info = raw.member_info as Record<string, unknown>;
      for (const key of Object.keys(info)) if (key !== "display_name" && key !== "cust_id") info[key] = wrong;
      expect(parseDriver(raw, NOW)?.name).toBe("Ann Tester");
    }
  });
});

describe("text", () => {
  it("has no control characters and no direction overrides, and is cut", () => {
    expect(text("a\u202eb\u0000c\n d")).toBe("a b c d");
    expect(text("x".repeat(10_000), 20)).toHaveLength(20);
    expect(text({})).toBe("");
  });

  it("has no half of a character, also where it is cut, so that a link can hold it", () => {
    expect(text("🏁".repeat(100))).toBe(`${"🏁".repeat(39)}…`);
    expect(text("Ann \ud800 Tester")).toBe("Ann Tester");
    expect(() => encodeURIComponent(text(`x${"🏁".repeat(100)}`))).not.toThrow();
  });

  it("keeps markup as text", () => expect(text("<img src=x onerror=alert(1)>")).toContain("<img"));
});

it("timestamps may have nine decimals", () => {
  expect(instant("2025-09-09T11:33:46.528646596Z")).toBe(Date.UTC(2025, 8, 9, 11, 33, 46, 528));
  expect(instant("soon")).toBeNull();
});

it("an answer without driver has a problem, also from older backends", () => {
  expect(parseAnswer({ error: "x", code: "pending", retry_after: 3 }, NOW)).toEqual({
    problem: "pending",
    retryAfter: 3,
  });
  expect(parseAnswer({ error: "Driver not found" }, NOW)).toEqual({ problem: "not_found", retryAfter: null });
  expect(parseAnswer(undefined, NOW)).toEqual({ problem: "unavailable", retryAfter: null });
});

it("a history is sorted, without invalid points", () => {
  const { points, career } = parseHistory({
    points: [
      { when: "2025-02-01", value: 1400 },
      { when: "2025-01-01", value: 1350, class: "D" },
      { when: "x", value: 1 },
      null,
    ],
    career: { starts: 3 },
  });
  expect(points.map((p) => [p.value, p.class])).toEqual([
    [1350, "D"],
    [1400, null],
  ]);
  expect(career).toEqual({ starts: 3, wins: 0, top5: 0, poles: 0, finish: null, incidents: null });
  expect(parseHistory("x")).toEqual({ points: [], career: null });
});
