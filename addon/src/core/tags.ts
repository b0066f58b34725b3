/** The reader's tags for drivers: which there are to choose from, and their colours. */

import { fields, text } from "./model.ts";

/** Each is visible (3:1) on light and on dark. */
const SHADES = {
  red: "#d64545",
  amber: "#b7791f",
  green: "#2e8b57",
  teal: "#16858c",
  blue: "#3b7ddd",
  purple: "#8e5bd0",
  pink: "#cf4f8f",
  grey: "#7a828c",
};
export type Colour = keyof typeof SHADES;
export const COLOURS = Object.keys(SHADES) as Colour[];

/** Rules that give an element of the class `t-red` the variable `--tag`, and so on. */
export const tagCss = (): string =>
  Object.entries(SHADES)
    .map(([name, shade]) => `.t-${name}{--tag:${shade}}`)
    .join("");

export interface TagStyle {
  name: string;
  colour: Colour;
}

export const DEFAULT_TAGS: TagStyle[] = [
  { name: "clean", colour: "green" },
  { name: "careful", colour: "amber" },
  { name: "league", colour: "blue" },
];
export const MOST_TAGS = 20;

const same = (a: string, b: string): boolean => a.toLowerCase() === b.toLowerCase();

/** Tags from stored options: each name once, colours that we know. */
export function readTags(value: unknown): TagStyle[] {
  if (!Array.isArray(value)) return DEFAULT_TAGS.map((tag) => ({ ...tag }));
  const tags: TagStyle[] = [];
  for (const item of value.slice(0, 100)) {
    const raw = fields(item);
    const name = text(raw.name, 40).replaceAll(",", " ").trim();
    if (!name || tags.some((tag) => same(tag.name, name)) || tags.length === MOST_TAGS) continue;
    tags.push({ name, colour: COLOURS.find((colour) => colour === raw.colour) ?? "grey" });
  }
  return tags;
}

/** The colour of a tag; null: it is none of the reader's list. */
export const colourOf = (tags: readonly TagStyle[], name: string): Colour | null =>
  tags.find((tag) => same(tag.name, name))?.colour ?? null;

/** Names with commas between them: each once, ten at most. */
export function tagsIn(list: string): string[] {
  const names = list
    .split(",")
    .map((name) => name.trim())
    .filter(Boolean);
  return names.filter((name, i) => names.findIndex((other) => same(other, name)) === i).slice(0, 10);
}

/** The list with a tag added, or removed if it is there. */
export function toggled(names: readonly string[], name: string): string[] {
  const others = names.filter((other) => !same(other, name));
  return others.length < names.length ? others : [...names, name];
}
