/** All surfaces: every file in `surfaces/`. The build makes the list, so a new file is all that a surface needs. */

import files from "virtual:surfaces";

export const SURFACES = files.sort((a, b) => a.order - b.order);

/** Selector of all scopes. */
export const SCOPES = SURFACES.flatMap(({ scope }) => scope ?? []).join();

/** The element to search again after a change at `element`. */
export const scopeOf = (element: Element): Element => element.closest(SCOPES) ?? element;
