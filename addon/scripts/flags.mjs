/**
 * Makes flags/flags.webp, all flags in one picture, and src/core/flags.ts, which says where each is: `npm run flags`, with
 * Debian's Chromium. The flags are those of flag-icons (MIT), which iRacing's flairs come from, too.
 */

import { copyFile, readdir, readFile, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { chromium } from "playwright-core";
import { root } from "./build.mjs";

/** iRacing's codes for the parts of the United Kingdom, by the names of the files. */
const PARTS = { "gb-eng": "ENG", "gb-nir": "NIR", "gb-sct": "SCT", "gb-wls": "WLS" };
const COLUMNS = 20;
/** Pixels of a flag in the picture: twice those on the page. */
const [WIDTH, HEIGHT] = [32, 24];

const source = join(root, "node_modules/flag-icons");
const folder = join(source, "flags/4x3");
const names = (await readdir(folder)).map((file) => file.replace(".svg", ""));
const countries = names.filter((name) => /^[a-z]{2}$/.test(name) && name !== "xx").sort();
const all = [...countries, ...Object.keys(PARTS)];
const svgs = await Promise.all(all.map((name) => readFile(join(folder, `${name}.svg`), "base64")));

const browser = await chromium.launch({ executablePath: "/usr/bin/chromium", args: ["--no-sandbox"] });
const page = await browser.newPage();
const picture = await page.evaluate(
  async ([flags, columns, width, height]) => {
    const canvas = document.createElement("canvas");
    canvas.width = columns * width;
    canvas.height = Math.ceil(flags.length / columns) * height;
    const drawing = canvas.getContext("2d");
    for (const [i, flag] of flags.entries()) {
      const image = new Image();
      image.src = `data:image/svg+xml;base64,${flag}`;
      await image.decode();
      drawing.drawImage(image, (i % columns) * width, Math.floor(i / columns) * height, width, height);
    }
    return canvas.toDataURL("image/webp", 0.8);
  },
  [svgs, COLUMNS, WIDTH, HEIGHT],
);
await browser.close();
await writeFile(join(root, "flags/flags.webp"), Buffer.from(picture.split(",")[1], "base64"));
await copyFile(join(source, "LICENSE"), join(root, "flags/LICENSE.txt"));
await writeFile(
  join(root, "src/core/flags.ts"),
  `/** Where flags are in flags.webp. Made by \`npm run flags\`; change scripts/flags.mjs, not this. */

/** Codes of two letters without anything between them, in the order of the picture. */
const COUNTRIES =
  "${countries.join("").toUpperCase()}";
const PARTS = ${JSON.stringify(Object.values(PARTS)).replaceAll(",", ", ")};
const COLUMNS = ${COLUMNS};
const ROWS = ${Math.ceil(all.length / COLUMNS)};

/** Where a country's flag is: the shares of the picture's other columns and rows that are before it; null: there is none. */
export function flagAt(code: string): [number, number] | null {
  const part = PARTS.indexOf(code);
  let at = part < 0 || code.length === 2 ? -1 : COUNTRIES.length / 2 + part;
  for (let i = 0; code.length === 2 && i < COUNTRIES.length; i += 2) if (COUNTRIES.startsWith(code, i)) at = i / 2;
  return at < 0 ? null : [(at % COLUMNS) / (COLUMNS - 1), Math.floor(at / COLUMNS) / (ROWS - 1)];
}
`,
);
console.log(`${all.length} flags, ${((picture.length * 0.75) / 1000).toFixed(1)} kB`);
