/** Tests whether there is a usable backend at an address. */

import type { Get, Reply } from "./backend.ts";
import { fields } from "./model.ts";

export const OLDEST_BACKEND = "0.1.0";

export type Finding =
  | { state: "good"; version: string }
  /** Answers as older backends do: with drivers, but no history. */
  | { state: "compatible" }
  | { state: "unhealthy"; version: string }
  | { state: "old"; version: string }
  | { state: "not_pitboard" }
  | { state: "unreachable" }
  | { state: "forbidden" };

/** Is version `a` older than `b`? Only the three numbers count. */
export function isOlder(a: string, b: string): boolean {
  const [left, right] = [a, b].map((version) => version.split(/[.+-]/, 3).map(Number));
  for (let i = 0; i < 3; i++) {
    const difference = (left?.[i] || 0) - (right?.[i] || 0);
    if (difference) return difference < 0;
  }
  return false;
}

/** The fields of a JSON object; none if the text is something else. */
function parse(body: string): Record<string, unknown> {
  try {
    return fields(JSON.parse(body));
  } catch {
    return {};
  }
}

/** What GET /health says; degraded: known drivers are served, and iRacing does not answer the backend. */
const STATES = ["healthy", "degraded", "unhealthy"];

/** @param allowed whether the browser lets us use that address (an extension needs the reader's permission) */
export async function diagnose(address: string, get: Get, allowed: boolean): Promise<Finding> {
  let health: Reply;
  try {
    health = await get(`${address}/health`);
  } catch {
    return { state: allowed ? "unreachable" : "forbidden" };
  }
  const body = parse(health.body);
  if (typeof body.version === "string" && STATES.includes(body.status as string)) {
    const version = body.version.slice(0, 20);
    if (isOlder(version, OLDEST_BACKEND)) return { state: "old", version };
    return { state: body.status === "unhealthy" ? "unhealthy" : "good", version };
  }
  const probe = "Pitboard Test";
  try {
    const reply = await get(`${address}/drivers?names=${encodeURIComponent(probe)}`);
    if (reply.status < 300 && parse(reply.body)[probe]) return { state: "compatible" };
  } catch {
    // it answered the first call, so it can be reached, but it has no drivers
  }
  return { state: "not_pitboard" };
}
