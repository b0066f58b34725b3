/** The fixture pages of the surfaces: one file in `test/surfaces` for each file in `src/site/surfaces`. */

import { readdir } from "node:fs/promises";
import { basename, resolve } from "node:path";

export interface Fixture {
  path: string;
  html: string;
  /** The names that the surface finds on the page, in their order. */
  names: string[];
}

const root = resolve(import.meta.dirname, "../..");

/** The ids of the surfaces that have a file in a folder of the addon. */
export async function idsIn(folder: string): Promise<string[]> {
  return (await readdir(resolve(root, folder))).map((name) => basename(name, ".ts")).sort();
}

/** The fixture of a surface. */
export const fixture = async (id: string): Promise<Fixture> => (await import(`../surfaces/${id}.ts`)).default;
