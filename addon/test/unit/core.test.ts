import { afterEach, describe, expect, it } from "vitest";
import { change, chart, levels } from "../../src/core/chart.ts";
import { diagnose, isOlder } from "../../src/core/diagnose.ts";
import { flagAt } from "../../src/core/flags.ts";
import {
  difference,
  flag,
  iratingShort,
  iratingText,
  positions,
  safetyText,
  signed,
  topShare,
} from "../../src/core/format.ts";
import {
  currentLanguage,
  formatAge,
  formatPlace,
  formatShare,
  regionName,
  t,
  useLanguage,
} from "../../src/core/i18n.ts";
import { fillTemplate, safeUrl } from "../../src/core/links.ts";
import { CATEGORIES, type Category, CLASSES, type Driver, type Licence, parseDriver } from "../../src/core/model.ts";
import { linkedName, nameFromHref, nameKey, tidyName } from "../../src/core/names.ts";
import { noteOf, readNotes, withNote } from "../../src/core/notes.ts";
import { backendAddress, DEFAULTS, readOptions } from "../../src/core/options.ts";
import { licencesInOrder, mainCategory } from "../../src/core/order.ts";
import { PALETTE } from "../../src/core/palette.ts";
import { membership } from "../../src/core/time.ts";
import { driver } from "../support/drivers.mjs";

const licence = (
  category: Licence["category"],
  letter: Licence["class"],
  irating: number | null,
  cpi = 10,
): Licence => ({
  category,
  class: letter,
  irating,
  safety: 3,
  cpi,
  starts: null,
  wins: null,
  timeTrial: null,
  incidents: null,
  towards: null,
  world: null,
  national: null,
});
const driverWith = (licences: Licence[], races: [number, string][] = []): Driver => ({
  ...(parseDriver(driver(0), 0) as Driver),
  licences,
  races: races.map(([carId, type]) => ({
    type,
    carId,
    car: "x",
    track: "y",
    start: 0,
    subsession: 1,
    from: 1,
    to: 1,
    category: null,
  })),
});

describe("names", () => {
  it("are read from profile addresses, with or without id, encoded once or twice", () => {
    expect(nameFromHref("/profile/Ann%20Tester")).toBe("Ann Tester");
    expect(nameFromHref("https://forums.iracing.com/profile/501/Ann%20Tester")).toBe("Ann Tester");
    expect(nameFromHref("/profile/501/A%2526B%20Racer")).toBe("A&B Racer");
    expect(nameFromHref("/profile/501")).toBe("");
    expect(nameFromHref("/discussion/1")).toBe("");
  });

  it.each([
    ["/profile/Kai%20L%C3%B3pez4", "Kai López4", "Kai López4"],
    ["/profile/Kai%20L%C3%B3pez4", "LoadingKai López4", "Kai López4"],
    ["/profile/501/Kai%20L%C3%B3pez4", "Loading", "Kai López4"],
    ["/profile/501/A%2526B%20Racer", "A&B Racer", "A&B Racer"],
    ["/profile/100%25%20Ann", "100% Ann", "100% Ann"],
    ["/profile/501", "Kai López4", "Kai López4"],
    ["/profile/501", "Loading", ""],
    ["/profile/501/Kai%20L%C3%B3pez4", "Ann Tester", ""],
    ["/profile/501/Deleted%20User", "Deleted User", ""],
    ["/profile/comments/501/Kai%20L%C3%B3pez4", "Kai López4", ""],
  ])("of a link to %s with the text %s are what both say", (href, text, name) => {
    expect(linkedName(href, text)).toBe(name);
  });

  it("have single spaces, and texts that are not a person's name give none", () => {
    expect(tidyName("  Ann\u00a0 Tester\n")).toBe("Ann Tester");
    expect(tidyName("@Bo Demo")).toBe("Bo Demo");
    expect(tidyName("Hugo Inventado2")).toBe("Hugo Inventado2");
    for (const bad of ["", null, "Unknown", "Deleted User", "x".repeat(101), "A\u0000B"])
      expect(tidyName(bad)).toBe("");
    expect(nameKey("ANN Tester")).toBe(nameKey("ann tester"));
  });
});

describe("the order of licences", () => {
  const all = [
    licence("oval", "D", 1500, 60),
    licence("sports_car", "B", 1900, 20),
    licence("formula_car", "A", 1700, 40),
  ];
  const order = (changed: object) =>
    licencesInOrder(driverWith(all), { ...DEFAULTS, mainFirst: false, ...changed }).map((l) => l.category);

  it("follows the option: the reader's own, by iRating, by CPI or by both", () => {
    expect(order({ order: "custom" })).toEqual(["sports_car", "formula_car", "oval"]);
    expect(order({ order: "custom", categories: ["oval", "formula_car", "sports_car"] })).toEqual([
      "oval",
      "formula_car",
      "sports_car",
    ]);
    expect(order({ order: "irating" })).toEqual(["sports_car", "formula_car", "oval"]);
    expect(order({ order: "cpi" })).toEqual(["oval", "formula_car", "sports_car"]);
    expect(order({ order: "mix" })).toEqual(["oval", "formula_car", "sports_car"]);
  });

  it("has a category that is for who has nothing else only if all others were never driven", () => {
    const rookie = { ...licence("oval", "R", 0, 1), irating: null };
    const shown = (licences: typeof all, fallback: Category[]) =>
      licencesInOrder(driverWith(licences), { ...DEFAULTS, fallbackCategories: fallback }).map((l) => l.category);
    expect(shown(all, ["oval"])).not.toContain("oval");
    expect(shown(all, ["oval", "sports_car", "formula_car"])).toHaveLength(3);
    const road = licence("dirt_road", "D", 1400, 30);
    expect(shown([rookie, road], ["dirt_road"])).toContain("dirt_road");
  });

  it("has no hidden categories and begins with the main category", () => {
    expect(order({ hiddenCategories: ["oval"] })).toEqual(["sports_car", "formula_car"]);
    expect(order({ mainFirst: true })[0]).toBe("formula_car");
  });

  it("has as main category the one with the most starts, else with the highest class", () => {
    const started = all.map((one, i) => ({ ...one, starts: [40, 12, 39][i] ?? 0 }));
    expect(mainCategory(driverWith(started))).toBe("oval");
    expect(mainCategory(driverWith(all))).toBe("formula_car");
    expect(mainCategory(driverWith([]))).toBeNull();
  });

  it("does not change when the races come", () => {
    const raced = driverWith(all, [
      [103, "RACE"],
      [103, "RACE"],
    ]);
    expect(licencesInOrder(raced, DEFAULTS)).toEqual(licencesInOrder({ ...raced, races: null }, DEFAULTS));
  });
});

describe("numbers", () => {
  it("are a dash if there is none", () => {
    expect([iratingText(null), iratingShort(null), safetyText(null)]).toEqual(["–", "–", "–"]);
  });

  it("have a safety rating cut to two decimals and a short iRating", () => {
    expect(safetyText(3.999)).toBe("3.99");
    expect(safetyText(2.3)).toBe("2.30");
    expect([iratingShort(950), iratingShort(1999), iratingShort(12345)]).toEqual(["950", "1.9k", "12.3k"]);
    expect([signed(5), signed(-5), signed(0)]).toEqual(["+5", "−5", "±0"]);
  });

  it("have a difference only if both drivers are rated", () => {
    expect(difference(licence("oval", "A", 1500), licence("oval", "A", 1700))).toBe(200);
    expect(difference(licence("oval", "A", null), licence("oval", "A", 1700))).toBeNull();
    expect(difference(undefined, licence("oval", "A", 1700))).toBeNull();
  });

  it("are empty for a race without positions", () => {
    const race = { type: "RACE", carId: 1, car: "", track: "", start: null, subsession: null, category: null };
    expect(positions({ ...race, from: 3, to: null })).toBe("3 → –");
    expect(positions({ ...race, from: null, to: null })).toBe("");
  });
});

describe("the best share that a place is in", () => {
  it.each([
    [1, 1, 1],
    [4, 100, 0.04],
    [5, 101, 0.05],
    [29, 100, 0.29],
    [100, 100, 1],
    [1, 100, 0.01],
    [11, 1000, 0.02],
    [10, 1000, 0.01],
    [9, 1000, 0.009],
    [1, 1000, 0.001],
    [3, 182_400, 0.001],
    [1825, 182_400, 0.02],
  ])("of place %i of %i is %f: never better than it is", (place, of, share) => {
    expect(topShare({ place, of })).toBe(share);
    expect(place / of).toBeLessThanOrEqual(share);
  });
});

describe("numbers and places in the reader's language", () => {
  afterEach(() => useLanguage("en"));

  it.each([
    ["en", "1st 2nd 3rd 11th 22nd 8th 1,204th", "0.1% 4%", "Germany"],
    ["de", "1. 2. 3. 11. 22. 8. 1.204.", "0,1 % 4 %", "Deutschland"],
    ["es", "1.º 2.º 3.º 11.º 22.º 8.º 1204.º", "0,1 % 4 %", "Alemania"],
    ["fr", "1er 2e 3e 11e 22e 8e 1 204e", "0,1 % 4 %", "Allemagne"],
    ["it", "1º 2º 3º 11º 22º 8º 1204º", "0,1% 4%", "Germania"],
    ["pt", "1.º 2.º 3.º 11.º 22.º 8.º 1.204.º", "0,1% 4%", "Alemanha"],
  ] as const)("are as is usual in %s", async (language, places, shares, country) => {
    await useLanguage(language);
    const plain = (texts: string[]) => texts.join(" ").replace(/[\u00a0\u202f]/g, " ");
    expect(plain([1, 2, 3, 11, 22, 8, 1204].map(formatPlace))).toBe(places);
    expect(plain([0.001, 0.04].map(formatShare))).toBe(shares);
    expect(regionName("DE")).toBe(country);
  });

  it("have no country name for codes that are not ISO 3166 of two letters", () => {
    expect(["SCT", "", "ZX"].map(regionName)).toEqual(["", "", ""]);
  });
});

describe("flags", () => {
  it("of the picture are those of all countries and of the parts of the United Kingdom", () => {
    expect(flagAt("AD")).toEqual([0, 0]);
    expect(flagAt("AE")).toEqual([1 / 19, 0]);
    expect(["NL", "ENG", "SCT", "WLS", "NIR"].every(flagAt)).toBe(true);
    expect(["", "N", "DA ", "ZZ", "XXX", "EN"].some(flagAt)).toBe(false);
  });

  it("are emoji for two-letter codes and for parts of the United Kingdom", () => {
    expect([flag("NL"), flag("SCT"), flag("ENG"), flag("WLS")]).toEqual(["🇳🇱", "🏴󠁧󠁢󠁳󠁣󠁴󠁿", "🏴󠁧󠁢󠁥󠁮󠁧󠁿", "🏴󠁧󠁢󠁷󠁬󠁳󠁿"]);
  });

  it("are empty if there is none", () => {
    expect([flag(""), flag("NIR")]).toEqual(["", ""]);
  });
});

describe("membership", () => {
  it("counts a year from the day of the anniversary", () => {
    expect(membership("2014-09-25", new Date(2026, 8, 24))).toEqual({ years: 11, days: 1 });
    expect(membership("2014-09-25", new Date(2026, 8, 25))).toEqual({ years: 12, days: 0 });
    expect(membership("2014-09-25", new Date(2026, 8, 26)).years).toBe(12);
  });

  it("since 29 February has its anniversary on 1 March", () => {
    expect(membership("2012-02-29", new Date(2026, 1, 28)).years).toBe(13);
    expect(membership("2012-02-29", new Date(2026, 2, 1)).years).toBe(14);
  });
});

describe("links", () => {
  const ann = { custId: 7, name: "Ann & Bo" };
  it("are filled in and encoded", () => {
    expect(fillTemplate("https://x.test/{cust_id}?n={name}", ann, "")).toBe("https://x.test/7?n=Ann%20%26%20Bo");
    expect(fillTemplate("{backend}/drivers?names={name}", ann, "http://127.0.0.1:8765")).toBe(
      "http://127.0.0.1:8765/drivers?names=Ann%20%26%20Bo",
    );
  });
  it("are empty if they are not http(s)", () => {
    for (const bad of ["javascript:alert(1)", "data:text/html,x", "", "//x"]) expect(safeUrl(bad)).toBe("");
  });
});

describe("options", () => {
  it("show no customer id unless the reader wants it", () => {
    expect(readOptions(undefined).customerId).toBe(false);
    expect(readOptions({ customerId: true }).customerId).toBe(true);
  });

  it("are the defaults for missing and for wrong values", () => {
    expect(readOptions(undefined)).toEqual(DEFAULTS);
    expect(
      readOptions({ layout: 7, surfaces: [], links: "x", categories: 1, raceCount: "many", theme: "pink" }),
    ).toEqual(DEFAULTS);
  });
  it("keep valid values and drop the others", () => {
    const read = readOptions({
      theme: "dark",
      surfaces: { lists: true, posts: "no" },
      categories: ["oval", "moon"],
      links: [{ label: "X", url: "javascript:1" }],
      hiddenDrivers: [1, "Bo Demo", "Bo Demo"],
    });
    expect(read).toMatchObject({ theme: "dark", links: [], hiddenDrivers: ["Bo Demo"] });
    expect(read.surfaces).toEqual({ lists: true });
    expect(read.categories).toHaveLength(CATEGORIES.length);
    expect(read.categories[0]).toBe("oval");
  });
  it("fit into a browser's synced storage also with many hidden drivers", () => {
    const read = readOptions({ hiddenDrivers: Array.from({ length: 900 }, (_, i) => `Some Driver With A Name ${i}`) });
    expect(JSON.stringify(read).length).toBeLessThan(8000);
  });
  it("accept a backend's address without scheme or with a slash at its end", () => {
    expect(backendAddress(" 127.0.0.1:8765/ ")).toBe("http://127.0.0.1:8765");
    expect(["localhost:8765", "[::1]:8765", "LOCALHOST"].map(backendAddress)).toEqual([
      "http://localhost:8765",
      "http://[::1]:8765",
      "http://localhost",
    ]);
    expect(["league.example.org/api", "localhost.example.org", "box:8765"].map(backendAddress)).toEqual([
      "https://league.example.org/api",
      "https://localhost.example.org",
      "https://box:8765",
    ]);
    expect(backendAddress("https://example.org/api/")).toBe("https://example.org/api");
    for (const bad of ["", "ftp://x", "http://u:p@x", 5, "http://", "hello", "hello world", "my.league org", "a@b.org"])
      expect(backendAddress(bad)).toBe("");
  });
});

describe("notes", () => {
  it("have a name in any case, and are removed when they are empty", () => {
    const one = withNote({}, "Bo Demo", { text: "clean racer", tags: ["league"] });
    expect(one).toEqual({ "bo demo": { text: "clean racer", tags: ["league"], name: "Bo Demo" } });
    expect(withNote(one, "BO DEMO", { text: "", tags: [] })).toEqual({});
  });
  it("about a driver whose name is a word of JavaScript are kept, and nobody else has them", () => {
    const all = ["constructor", "__proto__"].reduce(
      (notes, name) => withNote(notes, name, { text: name, tags: [] }),
      readNotes({}),
    );
    const again = readNotes(JSON.parse(JSON.stringify(all)));
    expect(["constructor", "__PROTO__", "toString"].map((name) => noteOf(again, name)?.text)).toEqual([
      "constructor",
      "__proto__",
      undefined,
    ]);
  });
  it("are dropped if their types are wrong", () =>
    expect(readNotes({ "Bo Demo": 5, x: null, "Ann Tester": { text: 1, tags: "x" } })).toEqual({}));
});

describe("the chart", () => {
  const points = (values: number[], letters = "") =>
    values.map((value, i) => ({ when: i * 1000, value, class: CLASSES.find((c) => c === letters[i]) ?? null }));
  it("has round levels that cover the values", () => {
    expect(levels(1350, 2318)).toEqual([1000, 1500, 2000, 2500]);
    const small = levels(2.41, 2.66);
    expect(small[0]).toBeLessThanOrEqual(2.41);
    expect(small.at(-1)).toBeGreaterThanOrEqual(2.66);
    expect(levels(1500, 1500).length).toBeGreaterThan(1);
  });
  it("has a stroke for each run in a class, and the first and the last point of many", () => {
    const drawn = chart(points([2.5, 3, 3.4, 2.6], "RRDD"), 300, 100);
    expect(drawn?.strokes.map((s) => s.class)).toEqual(["R", "D"]);
    const long = chart(points(Array.from({ length: 4000 }, (_, i) => 1350 + i)), 300, 100);
    expect(long?.dots.length).toBeLessThanOrEqual(240);
    expect([long?.dots[0]?.value, long?.dots.at(-1)?.value]).toEqual([1350, 5349]);
    expect(JSON.stringify(long)).not.toContain('null,"y"');
  });
  it("is null for a single point", () => expect(chart(points([1350]), 300, 100)).toBeNull());
  it("has the change over the last results in the present class", () => {
    expect(change(points([1, 2, 4, 8, 16, 32, 64]), 5)).toEqual({ by: 62, over: 5 });
    expect(change(points([1]), 5)).toBeNull();
    expect(change(points([3.5, 3.9, 2.9, 3.1], "DDCC"), 5)?.over).toBe(1);
  });
});

/** Background colours of the forum. */
const PAGE_COLOURS = { light: "#ffffff", dark: "#1b1d21" };

/** Relative luminance of `#rrggbb` (WCAG), 0 to 1. */
function luminance(colour: string): number {
  const [r = 0, g = 0, b = 0] = [1, 3, 5].map((i) => {
    const c = Number.parseInt(colour.slice(i, i + 2), 16) / 255;
    return c <= 0.04045 ? c / 12.92 : ((c + 0.055) / 1.055) ** 2.4;
  });
  return 0.2126 * r + 0.7152 * g + 0.0722 * b;
}

/** WCAG contrast ratio of two `#rrggbb` colours. */
function contrast(a: string, b: string): number {
  const [low = 0, high = 0] = [luminance(a), luminance(b)].sort((x, y) => x - y);
  return (high + 0.05) / (low + 0.05);
}

describe("licence colours", () => {
  it.each(CLASSES.map((c) => [c] as const))("of class %s have enough contrast, light and dark", (letter) => {
    const { fill, ink, edge } = PALETTE[letter];
    expect(contrast(ink, fill)).toBeGreaterThanOrEqual(4.5);
    expect(contrast(edge.light, PAGE_COLOURS.light)).toBeGreaterThanOrEqual(3);
    expect(contrast(edge.dark, PAGE_COLOURS.dark)).toBeGreaterThanOrEqual(3);
  });
});

describe("a backend's diagnosis", () => {
  const reply = (body: unknown, status = 200) => ({
    status,
    body: typeof body === "string" ? body : JSON.stringify(body),
    retryAfter: null,
  });
  const healthy = { status: "healthy", version: "0.1.0", checks: {} };
  const of = (answers: Record<string, unknown>, allowed = true) =>
    diagnose(
      "http://b",
      async (url) => {
        const path = url.slice("http://b".length).split("?")[0] ?? "";
        if (!(path in answers)) throw new Error("no answer");
        return reply(answers[path]);
      },
      allowed,
    );
  it("has a state for each cause", async () => {
    expect(await of({ "/health": healthy })).toEqual({ state: "good", version: "0.1.0" });
    expect(await of({ "/health": { ...healthy, status: "degraded" } })).toEqual({ state: "good", version: "0.1.0" });
    expect(await of({ "/health": { ...healthy, status: "unhealthy" } })).toEqual({
      state: "unhealthy",
      version: "0.1.0",
    });
    expect(await of({ "/health": { ...healthy, version: "0.0.9" } })).toEqual({ state: "old", version: "0.0.9" });
    expect(await of({ "/health": "<html>", "/drivers": { "Pitboard Test": { error: "not found" } } })).toEqual({
      state: "compatible",
    });
    expect(await of({ "/health": "<html>" })).toEqual({ state: "not_pitboard" });
    expect(await of({})).toEqual({ state: "unreachable" });
    expect(await of({}, false)).toEqual({ state: "forbidden" });
  });
  it("compares versions as numbers", () => {
    expect(isOlder("0.9.0", "0.10.0")).toBe(true);
    expect(isOlder("1.0.0", "0.10.0")).toBe(false);
    expect(isOlder("0.1.0", "0.1.0")).toBe(false);
  });
});

describe("messages", () => {
  it("are in the language of the option, else of the browser, else English", async () => {
    await useLanguage("de");
    expect(t("retry")).toBe("erneut versuchen");
    await useLanguage("auto", ["sv", "pt-BR", "en"]);
    expect(currentLanguage()).toBe("pt");
    await useLanguage("auto", ["sv"]);
    expect(t("followers_n", 3, 4)).toBe("Followers 3 · follows 4");
    expect(formatAge(3 * 3_600_000)).toBe("3 hours ago");
  });
});
