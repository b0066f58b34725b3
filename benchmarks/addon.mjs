/**
 * What the addon costs a forum page: `node benchmarks/addon.mjs [--rounds 7]` (after `npm ci && npm run build` in
 * addon/). Headless Chromium opens the same page of 30 posts by 20 authors as it is, with a script that does nothing but
 * make the nodes (the floor), and with the extension, in turn; times are medians of the difference to the page as it is,
 * in DevTools' own metrics: the processor's time of the page's main thread, and the time by the clock, in which other
 * programs of the computer count, too. Then 100 page changes in one tab, each with new authors, for the memory: in a Chromium that
 * compiles nothing to machine code, because that code grows for the first 20 pages and would hide what the addon keeps.
 *
 * With `--index`: instead, the time from navigation until the licences of all authors are on the screen, against real
 * backends on the simulator (it needs `uv`): authors whom the backend's store knows (the floor), authors whom only its
 * index knows, and, with the budget spent, 19 of those and one whom nobody knows. In turn, other authors each time.
 */

import { spawn } from "node:child_process";
import { readFile } from "node:fs/promises";
import { join, resolve } from "node:path";
import { startBackend } from "../addon/test/support/backend.mjs";
import { startChromium } from "../addon/test/support/browser.mjs";
import { classic, react } from "../addon/test/support/pages.mjs";

const GOALS = { script: 10, tasks: 110, shift: 0.001, requests: 1, size: 60, unknown: 1.1, growth: 1.02 };
const rounds = Number(process.argv[process.argv.indexOf("--rounds") + 1]) || 7;
const addon = resolve(import.meta.dirname, "../addon");

/** The floor: nothing but a shadow root and the nodes of a line in each post, made by a script of the page itself. */
const FLOOR = `addEventListener("DOMContentLoaded", () => requestAnimationFrame(() => {
  const sheet = new CSSStyleSheet();
  sheet.replaceSync(".chip{border:1px solid;display:inline-flex}");
  const make = (tag, text, ...children) => {
    const element = tag === "svg" || tag === "path" ? document.createElementNS("http://www.w3.org/2000/svg", tag) : document.createElement(tag);
    element.setAttribute("class", tag === "span" ? "chip" : tag);
    if (text) element.append(text);
    element.append(...children);
    return element;
  };
  const icon = () => make("svg", "", make("path"), make("path"));
  const chip = (i) => make("span", "", icon(), make("b", "A"), make("span", "3.4" + i), make("span", "281" + i));
  for (const post of document.querySelectorAll(".Item-Header")) {
    const host = make("div");
    const root = host.attachShadow({ mode: "open" });
    root.adoptedStyleSheets = [sheet];
    root.append(make("div", "", ...[1, 2, 3, 4, 5].map(chip), make("abbr", "NL"), make("span", "9 yr"), make("button", "", icon())));
    post.append(host);
  }
}));`;

const median = (values) => [...values].sort((a, b) => a - b)[Math.floor(values.length / 2)];
const ready = (page, count) =>
  page.waitForFunction((n) => [...document.querySelectorAll("pitboard-stats")].filter((h) => h.dataset.state === "fresh").length >= n, count);

async function metrics(session) {
  const { metrics: list } = await session.send("Performance.getMetrics");
  return Object.fromEntries(list.map(({ name, value }) => [name, value]));
}

/** Measures a page; `domain` as in DevTools' protocol. The result gives milliseconds of script, compiling and all tasks. */
async function measure(forum, page, domain) {
  const session = await forum.context.newCDPSession(page);
  await session.send("Performance.enable", { timeDomain: domain });
  return async () => {
    const { ScriptDuration, V8CompileDuration, TaskDuration } = await metrics(session);
    return { script: ScriptDuration * 1000, compile: V8CompileDuration * 1000, tasks: TaskDuration * 1000 };
  };
}

/** One load of the page: what it took by the processor's time and by the clock, and the layout shift. `script` runs in it. */
async function load(forum, withAddon, script = "") {
  const page = await forum.context.newPage();
  const [used, passed] = [await measure(forum, page, "threadTicks"), await measure(forum, page, "timeTicks")];
  if (script) await page.addInitScript(script);
  await page.addInitScript("window.shift = 0; new PerformanceObserver((l) => { for (const e of l.getEntries()) window.shift += e.value; }).observe({ type: 'layout-shift', buffered: true });");
  await page.route("https://forums.iracing.com/**", (route) => route.fulfill({ contentType: "text/html", body: classic() }));
  await page.goto("https://forums.iracing.com/discussion/90001/cold-tyres");
  // the same wait for both, outside of the page: watching it from inside would be measured too
  await new Promise((done) => setTimeout(done, 1000));
  const [processor, clock] = [await used(), await passed()];
  if (withAddon) await ready(page, 30);
  const shift = await page.evaluate("window.shift");
  await page.close();
  return { processor, clock, shift };
}

/** Heap and node counts after each of `changes` page changes without reload, each to 20 authors who were not there before. */
async function memory(backend, changes) {
  const forum = await startChromium(backend.url, { sealed: true, flags: ["--js-flags=--jitless"] });
  const page = await forum.page("/discussion/90001/cold-tyres", react());
  const session = await forum.context.newCDPSession(page);
  await session.send("Performance.enable");
  const seen = [];
  for (let change = 1; change <= changes; change++) {
    const authors = Array.from({ length: 20 }, (_, i) => `Driver ${change * 20 + i}`);
    await page.evaluate((html) => {
      const next = new DOMParser().parseFromString(html, "text/html").querySelector("#app");
      document.querySelector("#app").replaceChildren(...next.childNodes);
    }, react({ authors }));
    await ready(page, 30);
    // twice: what the first round frees may be all that kept other nodes alive
    for (let i = 0; i < 2; i++) await session.send("HeapProfiler.collectGarbage");
    const { JSHeapUsedSize, Nodes } = await metrics(session);
    seen.push({ heap: JSHeapUsedSize / 1e6, nodes: Nodes });
  }
  await forum.close();
  return seen;
}

/** The two backends of `addon_backend.py`: what it tells, and `close`. */
async function indexedBackends(count) {
  const root = resolve(addon, "..");
  const command = ["run", "--all-groups", "--all-extras", "python", "benchmarks/addon_backend.py", String(count)];
  const child = spawn("uv", command, { cwd: root, stdio: ["pipe", "pipe", "inherit"] });
  const ended = new Promise((done) => child.on("exit", done));
  let text = "";
  for await (const part of child.stdout) {
    text += part;
    if (text.includes("\n")) break;
  }
  return { ...JSON.parse(text), close: () => (child.stdin.end(), ended) };
}

/** Milliseconds from navigation until `count` hosts have licences, on a page of 30 posts by `authors`. */
async function untilShown(forum, backend, authors, count) {
  await forum.worker.evaluate("Promise.all([chrome.storage.session.clear(), chrome.storage.local.clear()])");
  await forum.setOptions({ backend });
  const page = await forum.context.newPage();
  await page.addInitScript(`
    const look = () => {
      const states = [...document.querySelectorAll("pitboard-stats")].map((host) => host.dataset.state);
      if (states.filter((state) => state === "fresh" || state === "index").length < ${count}) return requestAnimationFrame(look);
      window.shown = { after: performance.now(), states };
    };
    requestAnimationFrame(look);`);
  await page.route("https://forums.iracing.com/**", (route) =>
    route.fulfill({ contentType: "text/html", body: classic({ authors }) }),
  );
  await page.goto("https://forums.iracing.com/discussion/90001/cold-tyres");
  await page.waitForFunction("window.shown");
  const shown = await page.evaluate("window.shown");
  await page.close();
  return shown;
}

/** Throws unless all hosts with licences have this state: else the round measured something else. */
function expectAll({ states, after }, state) {
  const others = states.filter((other) => other !== state && other !== "pending" && other !== "loading");
  if (others.length) throw new Error(`expected ${state}, not ${others}`);
  return after;
}

async function index() {
  const backends = await indexedBackends(rounds + 1);
  const forum = await startChromium(backends.url, { sealed: true });
  const runs = [];
  for (let round = 0; round <= rounds; round++) {
    const [unknown, strangers] = backends.indexed.slice(2 * round, 2 * round + 2);
    strangers[19] = "Nobody Knows";
    const known = expectAll(await untilShown(forum, backends.url, backends.known[round], 30), "fresh");
    const indexed = expectAll(await untilShown(forum, backends.url, unknown, 30), "index");
    const spent = expectAll(await untilShown(forum, backends.spent, strangers, 29), "index");
    // the first round warms the browser up
    if (round) runs.push({ known, indexed, spent });
  }
  await forum.close();
  await backends.close();
  const of = (key) => median(runs.map((run) => run[key]));
  return [
    ["navigation to licences, 20 known authors (ms)", of("known"), null],
    ["... 20 authors of the index (ms)", of("indexed"), GOALS.unknown * of("known")],
    ["... 19 of the index, budget spent, and one unknown (ms)", of("spent"), GOALS.unknown * of("known")],
    ["20 authors of the index, to known ones", of("indexed") / of("known"), GOALS.unknown],
    ["budget spent and one unknown, to known ones", of("spent") / of("known"), GOALS.unknown],
  ];
}

/** What the addon costs a page, in time, space and requests. */
async function cost() {
  const backend = await startBackend();
  const [forum, bare] = [await startChromium(backend.url, { sealed: true }), await startChromium(backend.url, { extension: false })];
  const runs = [];
  for (let round = 0; round <= rounds; round++) {
    const without = await load(bare, false);
    const floor = await load(bare, false, FLOOR);
    await forum.worker.evaluate("chrome.storage.session.clear()");
    backend.state.asked.length = 0;
    const on = await load(forum, true);
    // the first round warms the browsers up
    if (!round) continue;
    const more = (run, of) => ({ script: run[of].script - without[of].script, compile: run[of].compile - without[of].compile, tasks: run[of].tasks - without[of].tasks });
    runs.push({ addon: more(on, "processor"), floor: more(floor, "processor"), clock: more(on, "clock"), shift: on.shift, requests: backend.state.asked.length });
  }
  await Promise.all([forum.close(), bare.close()]);
  const seen = await memory(backend, 100);
  await backend.close();

  const size = async (path) => (await readFile(join(addon, path))).length / 1000;
  const of = (value) => median(runs.map(value));
  const least = (value) => Math.min(...runs.map(value));
  // what waits to be freed makes some values larger, and what the addon keeps makes all of them larger
  const last = (key) => Math.min(...seen.slice(-10).map((after) => after[key]));
  return [
    ["extension's script on the page (kB)", await size("dist/chromium/content.js"), GOALS.size],
    ["userscript (kB)", await size("../src/pitboard/addon/pitboard.user.js"), GOALS.size],
    ["userscript's options dialog (kB)", await size("../src/pitboard/addon/pitboard-options.js"), GOALS.size],
    ["script time of the addon (ms)", of((run) => run.addon.script), GOALS.script],
    ["... of the floor: only making the nodes (ms)", of((run) => run.floor.script), null],
    ["... of the addon, to the floor's in the same round", of((run) => run.addon.script / run.floor.script), null],
    ["... by the clock (ms)", of((run) => run.clock.script), null],
    ["... by the clock, in the quietest round", least((run) => run.clock.script), GOALS.script],
    ["compiling it, before the page is parsed (ms)", of((run) => run.addon.compile), null],
    ["all tasks of the addon (ms)", of((run) => run.addon.tasks), GOALS.tasks],
    ["... by the clock (ms)", of((run) => run.clock.tasks), null],
    ["layout shift", Math.max(...runs.map((run) => run.shift)), GOALS.shift],
    ["requests", Math.max(...runs.map((run) => run.requests)), GOALS.requests],
    ["heap after 10 page changes, all with new authors (MB)", seen[9].heap, null],
    ["heap after 90 more: the least of the last ten (MB)", last("heap"), seen[9].heap * GOALS.growth],
    ["DOM nodes after 90 more, to those after 10", last("nodes") / seen[9].nodes, GOALS.growth],
  ];
}

const rows = await (process.argv.includes("--index") ? index() : cost());
console.log(`30 posts by 20 authors, ${rounds} rounds, Chromium\n`);
let missed = 0;
for (const [what, value, goal] of rows) {
  const met = goal === null || value <= goal;
  if (!met) missed++;
  const ratio = goal ? `  ${(value / goal).toFixed(2)} of ${goal.toFixed(goal % 1 ? 2 : 0)}` : goal === 0 ? "  of 0" : "";
  console.log(`${met ? " " : "!"} ${what.padEnd(54)}${value.toFixed(2).padStart(9)}${ratio}`);
}
process.exit(missed ? 1 : 0);
