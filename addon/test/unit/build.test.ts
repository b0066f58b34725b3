// @vitest-environment node
import { readFile } from "node:fs/promises";
import { describe, expect, it } from "vitest";
import { keysUsed, outputs, USERSCRIPT } from "../../scripts/build.mjs";
import { zip } from "../../scripts/zip.mjs";

describe("the build", () => {
  it("gives equal bytes twice, and the committed userscript", async () => {
    const [first, second] = [await outputs(), await outputs()];
    expect(first.user.equals(second.user)).toBe(true);
    for (const [name, data] of first.scripts) expect(second.scripts.get(name)?.equals(data)).toBe(true);
    expect((await readFile(USERSCRIPT)).equals(first.user), "run `npm run build` and commit").toBe(true);
    expect(first.user.toString()).not.toContain(process.cwd());
  });

  it("packs the same zip whatever the order of the files", () => {
    const files: [string, Buffer][] = [
      ["b.txt", Buffer.from("b".repeat(99))],
      ["a.txt", Buffer.from("ä")],
    ];
    expect(zip(new Map(files)).equals(zip(new Map(files.reverse())))).toBe(true);
  });

  it("gives a script the words that it uses", () => {
    // biome-ignore lint/suspicious/noTemplateCurlyInString: source text, to be read as such
    expect(keysUsed('t("retry"); t(`type_${x}`)', ["retry", "type_RACE", "close"])).toEqual(["retry", "type_RACE"]);
  });
});
