/** A small backend on a free port, with faults that can be set while it runs. */

import { createServer } from "node:http";
import { cars, driver, history, indexed, licencesOnly, NAMES, results } from "./drivers.mjs";

/**
 * @returns a running backend. `asked`: the names of each call to /drivers; `calls`: their names, and what they asked for.
 * `delay` in milliseconds.
 */
export async function startBackend() {
  const state = {
    asked: [],
    calls: [],
    /** Names that are answered from the index once, and then fresh. */
    index: new Set(),
    /** Names that are pending for who does not wait. */
    slow: new Set(),
    histories: 0,
    /** The ids whose races were asked for, and how often the cars were. */
    races: [],
    cars: 0,
    /** Replaces the answer for a name. */
    answers: new Map(),
    /** "" | "down" | "busy" (429 with Retry-After) */
    fault: "",
    delay: 0,
  };
  const server = createServer(async (request, response) => {
    const url = new URL(request.url ?? "/", "http://127.0.0.1");
    const send = (status, body, headers = {}) => {
      response.writeHead(status, {
        "Content-Type": "application/json",
        "Access-Control-Allow-Origin": "*",
        ...headers,
      });
      response.end(JSON.stringify(body));
    };
    if (state.delay) await new Promise((resolve) => setTimeout(resolve, state.delay));
    if (state.fault === "down") return request.socket.destroy();
    if (state.fault === "busy") return send(429, { title: "Too many requests" }, { "Retry-After": "60" });
    if (url.pathname === "/health") return send(200, { status: "healthy", version: "0.1.0", checks: {} });
    const match = /^\/drivers\/(\d+)\/history$/.exec(url.pathname);
    if (match) {
      state.histories++;
      const [category, kind] = ["category", "kind"].map((key) => url.searchParams.get(key) ?? "");
      return send(200, { cust_id: Number(match[1]), kind, ...history(Number(match[1]) - 900000, category, kind) });
    }
    const raced = /^\/drivers\/(\d+)\/races$/.exec(url.pathname);
    if (raced) {
      state.races.push(Number(raced[1]));
      return send(200, results(Number(raced[1]) - 900000));
    }
    if (url.pathname === "/cars") {
      state.cars++;
      return send(200, cars());
    }
    if (url.pathname !== "/drivers") return send(404, { title: "Not found" });
    const raw = /[?&]names=([^&]*)/.exec(request.url ?? "")?.[1] ?? "";
    const names = raw.split(",").map(decodeURIComponent);
    const profile = url.searchParams.get("profile") !== "0";
    const now = url.searchParams.get("wait") === "0";
    state.asked.push(names);
    state.calls.push({ names, profile, now });
    send(
      200,
      Object.fromEntries(
        names.map((name) => {
          const n = NAMES.indexOf(name);
          const known =
            n >= 0 ? driver(n, name) : /^Driver \d+$/.test(name) ? driver(Number(name.slice(7)), name) : null;
          const answer = state.answers.get(name) ?? known ?? { error: "no such driver", code: "not_found" };
          if (state.slow.has(name) && now) return [name, { error: "soon", code: "pending", retry_after: 2 }];
          if (state.index.delete(name)) return [name, indexed(answer)];
          return [name, profile || !answer.member_info ? answer : licencesOnly(answer)];
        }),
      ),
    );
  });
  await new Promise((resolve) => server.listen(0, "127.0.0.1", resolve));
  return {
    state,
    url: `http://127.0.0.1:${server.address().port}`,
    close: () => {
      server.closeAllConnections();
      return new Promise((resolve) => server.close(resolve));
    },
  };
}
