import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { chunks } from "../../src/core/backend.ts";
import { chart, levels } from "../../src/core/chart.ts";
import { isOlder } from "../../src/core/diagnose.ts";
import { fillTemplate, safeUrl } from "../../src/core/links.ts";
import { merged, parseAnswer, parseDriver, parseHistory, text } from "../../src/core/model.ts";
import { linkedName, nameFromHref, nameKey, tidyName } from "../../src/core/names.ts";
import { readNotes } from "../../src/core/notes.ts";
import { driver } from "../support/drivers.mjs";

/** Runs of each property: few in CI, as many as `scripts/fuzz.py` says by command, then with other seeds. */
const env = (globalThis as { process?: { env: Record<string, string | undefined> } }).process?.env ?? {};
const runs = Number(env.FUZZ_EXAMPLES ?? 0);
fc.configureGlobal(runs ? { numRuns: runs } : { numRuns: 200, seed: 1 });

const NOW = Date.UTC(2026, 10, 24, 12);
/** Texts, also such with half of a character, and with characters of two units wherever a text may be cut. */
const units = fc.array(fc.nat({ max: 0xffff }), { maxLength: 400 }).map((codes) => String.fromCharCode(...codes));
const long = fc.tuple(fc.nat({ max: 3 }), fc.nat({ max: 200 })).map(([n, m]) => "x".repeat(n) + "🏁".repeat(m));
const strings = fc.oneof(fc.string({ unit: "binary", maxLength: 400 }), units, long);

/** A good driver with some of its values replaced by anything. */
const spoiled = fc.array(fc.tuple(fc.nat(), fc.oneof(fc.anything(), strings)), { maxLength: 4 }).map((changes) => {
  const whole = driver(0, "Ann Tester", NOW);
  for (const [at, value] of changes) {
    const places: [Record<string, unknown>, string][] = [];
    const collect = (node: unknown): void => {
      if (typeof node !== "object" || node === null) return;
      for (const key of Object.keys(node)) {
        places.push([node as Record<string, unknown>, key]);
        collect((node as Record<string, unknown>)[key]);
      }
    };
    collect(whole);
    const place = places[at % places.length];
    if (place) place[0][place[1]] = value;
  }
  return whole as unknown;
});
const anything = fc.oneof(fc.anything(), spoiled);

/** What no text that is shown may hold: controls, and marks that change the direction. */
const HARMFUL = /[\p{Cc}\u200e\u200f\u202a-\u202e\u2066-\u2069\u2028\u2029]/u;

describe("whatever it is given", () => {
  it("a driver is read or null, shows harmless texts and can be put into a link", () => {
    fc.assert(
      fc.property(anything, (value) => {
        const found = parseDriver(value, NOW);
        if (!found) return;
        expect(HARMFUL.test(found.name)).toBe(false);
        expect(fillTemplate("https://example.org/{name}/{cust_id}", found, "")).toMatch(/^https:/);
        expect(merged(found, found)).toEqual(found);
      }),
    );
  });

  it("an answer has a driver or a problem", () => {
    fc.assert(
      fc.property(anything, (value) => {
        const answer = parseAnswer(value, NOW);
        expect("driver" in answer || typeof answer.problem === "string").toBe(true);
      }),
    );
  });

  it("a history has finite points in order, and its chart finite numbers", () => {
    const point = fc.record({ when: fc.oneof(strings, fc.date().map(String)), value: fc.anything() });
    const real = fc.record({
      when: fc.date({ min: new Date(0), max: new Date(NOW), noInvalidDate: true }).map((d) => d.toISOString()),
      value: fc.double(),
    });
    fc.assert(
      fc.property(fc.oneof(fc.anything(), fc.record({ points: fc.array(fc.oneof(point, real)) })), (value) => {
        const { points } = parseHistory(value);
        for (const [n, one] of points.entries()) {
          expect(Number.isFinite(one.value) && Number.isFinite(one.when)).toBe(true);
          if (n) expect(one.when).toBeGreaterThanOrEqual(points[n - 1]?.when ?? 0);
        }
        const drawn = chart(
          points.filter((one) => Math.abs(one.value) < 1e6),
          300,
          100,
        );
        expect(JSON.stringify(drawn ?? {})).not.toMatch(/NaN|Infinity/);
      }),
    );
  });

  it("a text is short, on one line and whole", () => {
    fc.assert(
      fc.property(fc.oneof(strings, fc.anything()), fc.integer({ min: 2, max: 90 }), (value, max) => {
        const shown = text(value, max);
        expect(shown.length).toBeLessThanOrEqual(max);
        expect(HARMFUL.test(shown)).toBe(false);
        expect(/\p{Cs}/u.test(shown)).toBe(false);
        expect(text(shown, max)).toBe(shown);
      }),
    );
  });

  it("an address is http(s) or none", () => {
    fc.assert(
      fc.property(fc.oneof(strings, fc.webUrl(), fc.constant("javascript:alert(1)")), strings, (raw, name) => {
        expect(safeUrl(raw)).toMatch(/^(https?:\/\/.*)?$/s);
        const filled = fillTemplate(raw, { custId: 7, name: text(name) }, "https://backend.example");
        expect(filled).toMatch(/^(https?:\/\/.*)?$/s);
      }),
    );
  });

  it("a name is tidy, and tidying it again changes nothing", () => {
    fc.assert(
      fc.property(strings, fc.oneof(strings, fc.webUrl()), (raw, href) => {
        const name = tidyName(raw);
        expect(tidyName(name)).toBe(name);
        expect(nameKey(name)).toBe(nameKey(nameKey(name)));
        for (const found of [nameFromHref(href), linkedName(href, raw)]) expect(tidyName(found)).toBe(found);
      }),
    );
  });

  it("notes are read", () => {
    fc.assert(fc.property(anything, (value) => void readNotes(value)));
  });

  it("names go into calls of at most 50, each once and in order", () => {
    fc.assert(
      fc.property(fc.array(fc.string({ maxLength: 60 }), { maxLength: 300 }), (names) => {
        const calls = chunks(names);
        expect(calls.flat()).toEqual(names);
        for (const call of calls) expect(call.length).toBeLessThanOrEqual(50);
      }),
    );
  });

  it("of two versions at most one is older", () => {
    const version = fc.array(fc.nat({ max: 30 }), { minLength: 1, maxLength: 4 }).map((parts) => parts.join("."));
    fc.assert(fc.property(version, version, (a, b) => !(isOlder(a, b) && isOlder(b, a)) && !isOlder(a, a)));
  });

  it("a scale covers its values", () => {
    const value = fc.double({ min: -1e5, max: 1e5, noNaN: true });
    fc.assert(
      fc.property(value, value, (a, b) => {
        const [low, high] = a < b ? [a, b] : [b, a];
        const found = levels(low, high);
        expect(found.length).toBeGreaterThan(0);
        expect(found.length).toBeLessThan(20);
        expect(found).toEqual([...found].sort((x, y) => x - y));
      }),
    );
  });
});
