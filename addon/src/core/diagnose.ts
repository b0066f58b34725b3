/** Finds out, in words, whether there is a usable backend at an address. */

import type { Get, Reply } from "./backend.ts";

export const OLDEST_BACKEND = "0.1.0";

export type Finding =
  | { state: "good"; version: string }
  /** Answers as older backends do: drivers, but no history. */
  | { state: "compatible" }
  | { state: "unhealthy"; version: string }
  | { state: "old"; version: string }
  | { state: "stranger" }
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

function object(body: string): Record<string, unknown> | null {
  try {
    const value: unknown = JSON.parse(body);
    return typeof value === "object" && value !== null && !Array.isArray(value)
      ? (value as Record<string, unknown>)
      : null;
  } catch {
    return null;
  }
}

/** @param allowed whether the browser lets us ask that address (extensions need the reader's permission) */
export async function diagnose(address: string, get: Get, allowed: boolean): Promise<Finding> {
  let health: Reply;
  try {
    health = await get(`${address}/health`);
  } catch {
    return { state: allowed ? "unreachable" : "forbidden" };
  }
  const body = object(health.body);
  if (body && typeof body.version === "string" && (body.status === "healthy" || body.status === "unhealthy")) {
    const version = body.version.slice(0, 20);
    if (isOlder(version, OLDEST_BACKEND)) return { state: "old", version };
    return { state: body.status === "healthy" ? "good" : "unhealthy", version };
  }
  const probe = "Pitboard Test";
  try {
    const reply = await get(`${address}/drivers?names=${encodeURIComponent(probe)}`);
    if (reply.status < 300 && object(reply.body)?.[probe]) return { state: "compatible" };
  } catch {
    // it answered the first question, so it can be reached; it is no driver service
  }
  return { state: "stranger" };
}
