/** A small backend on a free port, with faults that can be set while it runs. */

import { createServer } from "node:http";
import { driver, history, NAMES } from "./drivers.mjs";

/** @returns a running backend. `asked`: the names of each call to /drivers. `delay` in milliseconds. */
export async function startBackend() {
  const state = {
    asked: [],
    histories: 0,
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
      const kind = url.searchParams.get("kind") ?? "irating";
      return send(200, {
        cust_id: Number(match[1]),
        category: url.searchParams.get("category"),
        kind,
        points: history(Number(match[1]), kind),
        career: { starts: 159, wins: 28, top5: 86, poles: 18 },
        _meta: { state: "fresh" },
      });
    }
    if (url.pathname !== "/drivers") return send(404, { title: "Not found" });
    const raw = /[?&]names=([^&]*)/.exec(request.url ?? "")?.[1] ?? "";
    const names = raw.split(",").map(decodeURIComponent);
    state.asked.push(names);
    send(
      200,
      Object.fromEntries(
        names.map((name) => {
          const n = NAMES.indexOf(name);
          const known =
            n >= 0 ? driver(n, name) : /^Driver \d+$/.test(name) ? driver(Number(name.slice(7)), name) : null;
          return [name, state.answers.get(name) ?? known ?? { error: "no such driver", code: "not_found" }];
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
