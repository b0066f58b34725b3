/** Gets an address by `fetch`, without cookies. */

import type { Get } from "../core/backend.ts";

/** Milliseconds until a request fails. */
export const REQUEST_TIMEOUT = 15_000;

/** Bytes of an answer. 50 drivers with profiles have some 0.3 MB, and the longest history some 0.2 MB. */
export const LARGEST_ANSWER = 4_000_000;

/** The text of a response; an error as soon as it is larger than an answer may be. */
async function limitedText({ body }: Response): Promise<string> {
  const decoder = new TextDecoder();
  let text = "";
  let size = 0;
  const reader = body?.getReader();
  for (let part = await reader?.read(); part?.value; part = await reader?.read()) {
    size += part.value.length;
    if (size > LARGEST_ANSWER) {
      void reader?.cancel();
      throw new Error("answer too large");
    }
    text += decoder.decode(part.value, { stream: true });
  }
  return text + decoder.decode();
}

/** A Retry-After header in seconds; null if there is none (a date counts as none). */
export const retrySeconds = (value: string | null | undefined): number | null => {
  const seconds = Number(value);
  return Number.isFinite(seconds) && seconds > 0 ? seconds : null;
};

export const fetchGet: Get = async (url) => {
  const response = await fetch(url, { credentials: "omit", signal: AbortSignal.timeout(REQUEST_TIMEOUT) });
  return {
    status: response.status,
    body: await limitedText(response),
    retryAfter: retrySeconds(response.headers.get("Retry-After")),
  };
};
