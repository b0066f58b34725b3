/** Gets an address by `fetch`, without cookies, and gives up after a while. */

import type { Get } from "../core/backend.ts";

export const PATIENCE = 15_000;

/** A Retry-After header in seconds; null when there is none (a date counts as none). */
export const retrySeconds = (value: string | null | undefined): number | null => {
  const seconds = Number(value);
  return Number.isFinite(seconds) && seconds > 0 ? seconds : null;
};

export const fetchGet: Get = async (url) => {
  const response = await fetch(url, { credentials: "omit", signal: AbortSignal.timeout(PATIENCE) });
  return {
    status: response.status,
    body: await response.text(),
    retryAfter: retrySeconds(response.headers.get("Retry-After")),
  };
};
