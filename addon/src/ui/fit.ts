/** The layout `auto`: what it is in this window. */

import type { Options } from "../core/options.ts";

/** Windows that are too narrow for a row of licences. */
export const NARROW = "(max-width: 599px)";

export const fitted = (options: Options): Options =>
  options.layout === "auto" ? { ...options, layout: matchMedia(NARROW).matches ? "portrait" : "full" } : options;
