/** Gets an address by `fetch`, without cookies. */

import type { Get } from "../core/backend.ts";

/** Milliseconds until a request fails. */
export const REQUEST_TIMEOUT = 15_000;

/** A Retry-After header in seconds; null if there is none (a date counts as none). */
export const retrySeconds = (value: string | null | undefined): number | null => {
  const seconds = Number(value);
  return Number.isFinite(seconds) && seconds > 0 ? seconds : null;
};

export const fetchGet: Get = async (url) => {
  const response = await fetch(url, { credentials: "omit", signal: AbortSignal.timeout(REQUEST_TIMEOUT) });
  return {
    status: response.status,
    body: await response.text(),
    retryAfter: retrySeconds(response.headers.get("Retry-After")),
  };
};
