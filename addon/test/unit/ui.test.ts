import { describe, expect, it, vi } from "vitest";
import { type Answer, parseAnswer } from "../../src/core/model.ts";
import { DEFAULTS, type Options } from "../../src/core/options.ts";
import { historyChart } from "../../src/ui/chart.ts";
import { createHost, drawHost } from "../../src/ui/host.ts";
import { raceTime, useFlags } from "../../src/ui/parts.ts";
import { driver, indexed } from "../support/drivers.mjs";

const NOW = Date.UTC(2026, 10, 24, 12);

function draw(
  answer: Answer | null,
  changed: Partial<Options> = {},
  form: "line" | "badge" = "line",
  mine: Answer | null = null,
) {
  const options = { ...DEFAULTS, ...changed };
  const host = createHost(form, "Ann Tester", options);
  const reader = mine && "driver" in mine ? mine.driver : null;
  const actions = { open: vi.fn(), retry: vi.fn(), hover: vi.fn() };
  drawHost(
    host,
    { name: "Ann Tester", answer, view: { options, reader, now: () => NOW }, note: undefined, theme: "light" },
    actions,
  );
  return {
    host,
    root: host.shadowRoot as ShadowRoot,
    actions,
    text: host.shadowRoot?.querySelector(".root")?.textContent ?? "",
  };
}

const ann = (changed: object = {}): Answer => parseAnswer({ ...driver(0, "Ann Tester", NOW), ...changed }, NOW);

describe("the line", () => {
  it("shows letter and numbers, not only colour", () => {
    const chip = draw(ann()).root.querySelector(".chip");
    expect(chip?.querySelector(".class")?.textContent).toMatch(/^[RDCBAPW]$/);
    expect(chip?.querySelector(".sr")?.textContent).toMatch(/^\d\.\d\d$/);
    expect(chip?.querySelector("svg")).not.toBeNull();
  });

  it("shows a dash for an unrated driver", () => {
    const raw = driver(0, "Ann Tester", NOW);
    for (const licence of raw.member_info.licenses) delete licence.irating;
    const { root, text } = draw(parseAnswer(raw, NOW), { layout: "full" });
    expect([...root.querySelectorAll(".ir")].map((n) => n.textContent)).toEqual(["–", "–", "–", "–", "–"]);
    expect(text).not.toMatch(/undefined|NaN|null/);
    expect(root.querySelector(".chip")?.getAttribute("title")).toContain("no iRating yet");
  });

  it("shows the country's flag and code, and its name as a tooltip", () => {
    const country = draw(ann()).root.querySelector(".country");
    expect(country?.textContent).toBe("🇳🇱NL");
    expect(country?.getAttribute("title")).toBe("Netherlands");
  });

  it("shows the flag out of the picture where there is one, also on Windows, in a box of a fixed size", () => {
    useFlags(() => ({ backgroundImage: 'url("flags.webp")', backgroundPosition: "-16px -12px" }));
    const country = draw(ann()).root.querySelector(".country");
    useFlags(null);
    expect(country?.textContent).toBe("NL");
    expect(country?.querySelector<HTMLElement>(".flag")?.style.backgroundImage).toContain("flags.webp");
  });

  it("shows only the country code in the userscript in Chromium on Windows, which has no flags", async () => {
    vi.stubGlobal("navigator", { ...navigator, languages: ["en"], userAgentData: { platform: "Windows" } });
    vi.resetModules();
    const { country } = await import("../../src/ui/parts.ts");
    vi.unstubAllGlobals();
    const answer = ann();
    expect("driver" in answer && country(answer.driver)?.textContent).toBe("NL");
  });

  it("has no iRating anywhere with the option `hideRatings`", () => {
    for (const form of ["line", "badge"] as const) {
      const { root, text } = draw(ann(), { hideRatings: true, layout: "full" }, form, ann());
      expect(root.querySelector(".ir, .delta")).toBeNull();
      expect(text).not.toContain("1231");
    }
  });

  it("has the world rank at the first licence with the option `rank`, with all ranks as a tooltip", () => {
    const raw = driver(0, "Ann Tester", NOW);
    raw.member_info.licenses[0].starts = 999;
    raw.member_info.licenses[0].rank = { world: 7296, of: 182_400, country: 212, country_of: 8431 };
    const answer = parseAnswer(raw, NOW);
    expect(draw(answer).root.querySelector(".rank")).toBeNull();
    const marks = draw(answer, { rank: true }).root.querySelectorAll(".rank");
    expect([...marks].map((mark) => mark.textContent)).toEqual(["top 4%"]);
    expect(marks[0]?.getAttribute("title")).toBe(
      "World: 7,296th, top 4% of 182,400 · Netherlands: 212th, top 3% of 8,431",
    );
    expect(draw(answer, { rank: true, hideRatings: true }).root.querySelector(".rank")).toBeNull();
  });

  it("has no rank at a licence without an iRating, or from a backend without ranks", () => {
    const raw = driver(0, "Ann Tester", NOW);
    for (const licence of raw.member_info.licenses) delete licence.rank;
    expect(draw(parseAnswer(raw, NOW), { rank: true }).root.querySelector(".rank:not(.gap)")).toBeNull();
  });

  it("from the index alone has licences and the country's code, and no races", () => {
    const { root, text } = draw(parseAnswer(indexed(driver(0, "Ann Tester", NOW)), NOW), { layout: "full" });
    expect(root.querySelectorAll(".chip")).toHaveLength(5);
    expect(root.querySelector(".country")?.textContent).toBe("🇳🇱NL");
    expect(text).toContain("The profile is loading");
    expect(text).not.toMatch(/undefined|NaN|null/);
  });

  it("compares only the first licence with the reader's, with the option `compare`", () => {
    const mine = parseAnswer(driver(1, "Bo Demo", NOW), NOW);
    expect(draw(ann(), { compare: true }, "line", mine).root.querySelectorAll(".delta")).toHaveLength(1);
    expect(draw(ann(), {}, "line", mine).root.querySelector(".delta")).toBeNull();
  });

  it("has its height from the start", () => {
    for (const layout of ["compact", "full"] as const) {
      expect(createHost("line", "x", { ...DEFAULTS, layout }).style.cssText).toMatch(/min-block-size: ?[\d.]+em/);
    }
  });

  it("shows CPI, races, cars and links in the full layout", () => {
    const { root } = draw(ann(), { layout: "full", cpi: true });
    expect(root.querySelectorAll(".cpi")).toHaveLength(5);
    expect(root.querySelectorAll(".races li")).toHaveLength(4);
    expect([...root.querySelectorAll(".links a")].map((a) => a.getAttribute("rel"))).toContain("noopener noreferrer");
    const cars = draw(ann(), { layout: "full", races: false });
    expect(cars.text).toContain("Porsche 911 GT3 R (992)");
  });

  it("names at most as many cars as the reader wants, out of all known races of the wanted types", () => {
    const listed = (changed: Partial<Options>) =>
      draw(ann(), { layout: "full", races: false, ...changed })
        .root.querySelector(".cars")
        ?.textContent?.split(", ");
    expect(listed({ raceCount: 1 })?.length).toBeGreaterThan(1);
    expect(listed({ carCount: 1 })).toHaveLength(1);
  });

  it("changes between races and cars by a button, which opens no card", () => {
    const { root, actions } = draw(ann(), { layout: "full", raceCount: 4 });
    const button = root.querySelector<HTMLElement>(".swap");
    const hidden = () => [".races", ".cars"].map((list) => root.querySelector<HTMLElement>(list)?.hidden);
    expect(hidden()).toEqual([false, true]);
    button?.click();
    expect([hidden(), button?.getAttribute("aria-pressed")]).toEqual([[true, false], "true"]);
    button?.click();
    expect([hidden(), button?.getAttribute("aria-pressed")]).toEqual([[false, true], "false"]);
    expect(actions.open).not.toHaveBeenCalled();
    expect(draw(ann(), { layout: "full", raceCount: 4, cars: false }).root.querySelector(".swap")).toBeNull();
  });

  it("shows the cars below the races, without a button, where there are fewer races than there is space for", () => {
    const { root } = draw(ann(), { layout: "full", raceCount: 5 });
    expect(root.querySelectorAll(".races li")).toHaveLength(4);
    expect([root.querySelector<HTMLElement>(".cars")?.hidden, root.querySelector(".swap")]).toEqual([false, null]);
  });

  it("has the event's name in the tooltip of a race", () => {
    const titles = [...draw(ann(), { layout: "full" }).root.querySelectorAll(".what")].map((e) =>
      e.getAttribute("title"),
    );
    expect(titles[0]).toMatch(/^Invented Cup · /);
  });

  it("has starts and win rate of the first licence with the option `record`, in the compact line also as a gap", () => {
    const marks = (changed: Partial<Options>, answer = ann()) =>
      [...draw(answer, { record: true, ...changed }).root.querySelectorAll(".rank")].map((mark) => [
        mark.textContent,
        mark.getAttribute("title"),
      ]);
    const [[text, title] = []] = marks({});
    expect(text).toMatch(/^\d+ · \d+%$/);
    expect(title).toMatch(/^Starts: \d+ · Win rate: \d+%$/);
    expect(marks({ rank: true })).toHaveLength(2);
    const idle = ann();
    if ("driver" in idle) for (const licence of idle.driver.licences) licence.starts = null;
    expect(marks({}, idle)).toEqual([["", null]]);
    expect(marks({ layout: "full" }, idle)).toEqual([]);
  });
});

describe("the compact line", () => {
  const chips = (changed: Partial<Options>) => {
    const { root } = draw(ann(), changed);
    const shown = [...root.querySelectorAll(".licences > *")];
    return shown.map((part) =>
      part.classList.contains("gap") ? "gap" : (part.getAttribute("title")?.split(":")[0] ?? ""),
    );
  };

  it("has the main category alone, and says how many more there are", () => {
    expect(chips({})).toEqual(["Sports car", "4 more categories, on the card"]);
  });

  it("has the categories that the reader has pinned, and a gap for one that is the main category already", () => {
    expect(chips({ pinned: ["dirt_road", "sports_car"] })).toEqual([
      "Sports car",
      "Dirt road",
      "gap",
      "3 more categories, on the card",
    ]);
  });

  it("has all categories in the other layouts", () => {
    for (const layout of ["full", "portrait"] as const) expect(chips({ layout })).toHaveLength(5);
  });
});

describe("a click on the line", () => {
  const click = (selector: string) => {
    const { root, actions } = draw(ann(), { layout: "full" });
    root.querySelector<HTMLElement>(selector)?.click();
    return actions.open.mock.calls.length;
  };

  it("opens the card, wherever it is, and a click on a link does not", () => {
    expect([".chip", ".country", ".items", ".open"].map(click)).toEqual([1, 1, 1, 1]);
    expect([".links a", ".races li"].map(click)).toEqual([0, 0]);
  });
});

describe("names for screen readers", () => {
  it("say the driver on the line's button, and there is no live region in a line", () => {
    const { root } = draw(ann());
    expect(root.querySelector(".open")?.getAttribute("aria-label")).toBe("Show details: Ann Tester");
    for (const answer of [null, ann(), parseAnswer({ code: "pending" }, NOW)])
      expect(draw(answer).root.querySelector("[role=status], [aria-live], output")).toBeNull();
  });
});

it("positions are written from left to right in every language", () => {
  expect(draw(ann(), { layout: "full" }).root.querySelector(".pos")?.getAttribute("dir")).toBe("ltr");
});

describe("two posts of one author", () => {
  /** Two hosts drawn in a row; the first one's card is open when the second is drawn. */
  const pair = () => {
    const options = { ...DEFAULTS };
    const answer = ann();
    return [1, 2].map(() => {
      const host = createHost("line", "Ann Tester", options);
      const actions = { open: vi.fn(), retry: vi.fn(), hover: vi.fn() };
      drawHost(
        host,
        {
          name: "Ann Tester",
          answer,
          view: { options, reader: null, now: () => NOW },
          note: undefined,
          theme: "light",
        },
        actions,
      );
      const button = host.shadowRoot?.querySelector<HTMLElement>(".open");
      const expanded = button?.getAttribute("aria-expanded");
      button?.setAttribute("aria-expanded", "true");
      return { button, expanded, actions, text: host.shadowRoot?.textContent };
    });
  };

  it("have the same text, and each has its own actions", () => {
    const [first, second] = pair();
    expect(second?.text).toBe(first?.text);
    second?.button?.click();
    expect([first?.actions.open.mock.calls.length, second?.actions.open.mock.calls.length]).toEqual([0, 1]);
  });

  it("are not both marked as open when one card is open", () => {
    expect(pair().map(({ expanded }) => expanded)).toEqual(["false", "false"]);
  });
});

describe("a line that is drawn again", () => {
  it("keeps the focus, and the mark of an open card", () => {
    const host = createHost("line", "Ann Tester", DEFAULTS);
    document.body.append(host);
    const actions = { open() {}, retry() {}, hover() {} };
    const view = { options: DEFAULTS, reader: null, now: () => NOW };
    drawHost(
      host,
      {
        name: "Ann Tester",
        answer: { problem: "unavailable", retryAfter: null },
        view,
        note: undefined,
        theme: "light",
      },
      actions,
    );
    host.shadowRoot?.querySelector<HTMLElement>(".retry")?.focus();
    drawHost(host, { name: "Ann Tester", answer: ann(), view, note: undefined, theme: "light" }, actions);
    const open = host.shadowRoot?.querySelector<HTMLElement>(".open");
    expect(host.shadowRoot?.activeElement).toBe(open);
    open?.setAttribute("aria-expanded", "true");
    drawHost(host, { name: "Ann Tester", answer: ann(), view, note: undefined, theme: "dark" }, actions);
    expect(host.shadowRoot?.querySelector(".open")?.getAttribute("aria-expanded")).toBe("true");
    host.remove();
  });
});

describe("without a driver", () => {
  it("the line of an unavailable driver links to what the backend says of that name, each of its own", () => {
    const href = (name: string) => {
      const host = createHost("line", name, DEFAULTS);
      const view = { options: { ...DEFAULTS, backend: "https://b.example" }, reader: null, now: () => NOW };
      drawHost(host, { name, answer: UNAVAILABLE, view, note: undefined, theme: "light" }, { open() {}, retry() {} });
      return host.shadowRoot?.querySelector("a")?.getAttribute("href");
    };
    const UNAVAILABLE: Answer = { problem: "unavailable", retryAfter: null };
    expect([href("Ann Tester"), href("Bo & Co")]).toEqual([
      "https://b.example/drivers?names=Ann%20Tester",
      "https://b.example/drivers?names=Bo%20%26%20Co",
    ]);
  });

  it("the line of an unavailable backend has a retry button", () => {
    const { root, text, actions } = draw({ problem: "unavailable", retryAfter: null });
    expect(text).toBe("stats unavailable · retry · API");
    root.querySelector<HTMLElement>(".retry")?.click();
    expect(actions.retry).toHaveBeenCalledOnce();
  });

  it("the line of a driver who asked not to be shown has a hint, and no button", () => {
    const answer = parseAnswer({ error: "withheld", code: "withheld" }, NOW);
    const { root, text } = draw(answer);
    expect(text).toBe("not shown here");
    expect(root.querySelector("button")).toBeNull();
  });

  it("the line says nothing when the backend cannot be used: the page's banner does", () => {
    for (const problem of ["unreachable", "forbidden"] as const) {
      const { root, text } = draw({ problem, retryAfter: null });
      expect(text).toBe("–");
      expect(root.querySelector("button")).toBeNull();
    }
  });

  it("the line says that there is none, or shows a bar while pending, and the badge is empty", () => {
    expect(draw({ problem: "not_found", retryAfter: null }).text).toBe("no iRacing driver with this name");
    expect(draw({ problem: "pending", retryAfter: 2 }).root.querySelector(".bar")).not.toBeNull();
    expect(draw({ problem: "not_found", retryAfter: null }, {}, "badge").text).toBe("");
  });
});

describe("hostile data", () => {
  const HTML = '<img src=x onerror="globalThis.hacked=1"><script>globalThis.hacked=1</script>';

  it("is shown as text or dropped", () => {
    const raw = driver(0, HTML, NOW);
    raw.member_info.country = `\u202e${HTML}`;
    raw.member_info.country_code = HTML;
    raw.recent_events[0].car_name = HTML.repeat(200);
    raw.recent_events[0].subsession_id = "javascript:alert(1)";
    const { root, text } = draw(parseAnswer(raw, NOW), { layout: "full" });
    expect(root.querySelector("img, script")).toBeNull();
    expect(text).not.toContain("\u202e");
    expect([...root.querySelectorAll("a")].every((a) => a.getAttribute("href")?.startsWith("http"))).toBe(true);
  });

  it("with wrong types gives at most 12 licences", () => {
    for (const licenses of [
      null,
      "x",
      [null, 5, {}],
      [{ category: "oval", group_id: 99 }],
      [{ category: "__proto__", group_id: 1 }],
      Array.from({ length: 1000 }, () => ({ category: "oval", group_id: 3 })),
    ]) {
      const raw = driver(0, "Ann Tester", NOW);
      raw.member_info.licenses = licenses;
      expect(draw(parseAnswer(raw, NOW)).root.querySelectorAll(".chip").length).toBeLessThanOrEqual(12);
    }
  });
});

it("a race's time is in the reader's time zone, and in UTC in the tooltip", () => {
  const time = raceTime(Date.UTC(2026, 0, 21, 18, 30));
  expect(time.getAttribute("title")).toBe("2026-01-21 18:30 UTC");
  const local = new Intl.DateTimeFormat("en", { day: "numeric", month: "short", hour: "2-digit", minute: "2-digit" });
  expect(time.textContent).toBe(local.format(Date.UTC(2026, 0, 21, 18, 30)));
});

it("a chart has a text that says what it shows", () => {
  const points = [0, 1, 2].map((i) => ({ when: NOW - (3 - i) * 86_400_000, value: 1350 + i * 10, class: null }));
  const box = historyChart({ points, career: null }, "irating");
  expect(box.querySelector("svg")?.getAttribute("aria-label")).toContain("1350");
  expect(box.querySelector(".readout")?.textContent).toContain("1370");
  expect(historyChart({ points: [], career: null }, "irating").textContent).toBe("Too little history to draw");
});
