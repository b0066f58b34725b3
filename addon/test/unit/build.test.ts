// @vitest-environment node
import { createHash } from "node:crypto";
import { readFile } from "node:fs/promises";
import { join } from "node:path";
import { describe, expect, it } from "vitest";
import { extensionScripts, filesFor, isPacked, keysUsed, outputs, USERSCRIPT } from "../../scripts/build.mjs";
import { unzip, zip } from "../../scripts/zip.mjs";

describe("the build", () => {
  it("gives equal bytes twice, and the userscript is the committed one", async () => {
    const [first, second] = [await outputs(), await outputs()];
    for (const kind of ["extension", "userscript"] as const)
      for (const [name, data] of first[kind]) expect(second[kind].get(name)?.equals(data), name).toBe(true);
    for (const [name, data] of first.userscript) {
      const committed = await readFile(join(USERSCRIPT, name));
      expect(committed.equals(data), `${name}: run \`npm run build\` and commit`).toBe(true);
      expect(data.toString()).not.toContain(process.cwd());
    }
  });

  it("gives the files that the committed zips have", async () => {
    const { extension } = await outputs();
    for (const browser of ["chromium", "firefox"]) {
      const files = await filesFor(browser, extension);
      expect(await isPacked(browser, files, USERSCRIPT), `${browser}: run \`npm run build\` and commit`).toBe(true);
      files.set("content.js", Buffer.from("changed"));
      expect(await isPacked(browser, files, USERSCRIPT)).toBe(false);
    }
  });

  it("reads the zips that it makes", () => {
    const files = new Map([["ä/b.txt", Buffer.from("b".repeat(99))]]);
    expect(unzip(zip(files))).toEqual(files);
  });

  it("names the hashes of the scripts that the userscript requires", async () => {
    const { userscript } = await outputs();
    for (const name of ["pitboard-card.js", "pitboard-options.js"]) {
      const required = new RegExp(`^// @require +\\S+/${name}#sha256-(\\S+)$`, "m").exec(
        String(userscript.get("pitboard.user.js")),
      );
      const script = userscript.get(name) ?? "";
      expect(required?.[1]).toBe(createHash("sha256").update(script).digest("base64"));
    }
  });

  it("has the translations and the card of the userscript in scripts of their own", async () => {
    const { userscript } = await outputs();
    const has = (file: string) => {
      const source = String(userscript.get(file));
      return {
        other: /others:"[\w+/]{1000}/.test(source),
        key: /keys:"[^"]*\bunavailable\b/.test(source),
        css: source.includes(".icon-button:hover"),
      };
    };
    expect(has("pitboard.user.js")).toEqual({ other: false, key: true, css: false });
    expect(has("pitboard-card.js")).toMatchObject({ other: false, css: true });
    expect(has("pitboard-options.js")).toMatchObject({ other: true, key: true });
  });

  it("has closed shadow roots only", async () => {
    const { extension, userscript } = await outputs();
    for (const [name, data] of [...extension, ...userscript])
      expect(data.toString(), name).not.toMatch(/attachShadow\((?!\{mode:"closed"\}\))/);
  });

  it("has no code of `npm run watch` in it", async () => {
    const mark = "build.txt";
    const watched = await extensionScripts({ inject: ["scripts/reload.js"], define: { BUILD: '"1"' } });
    expect(watched.get("background.js")?.includes(mark)).toBe(true);
    const { extension, userscript } = await outputs();
    const marked = [...extension, ...userscript].filter(([, data]) => data.includes(mark)).map(([name]) => name);
    expect(marked).toEqual([]);
  });

  it("gives the same zip for files in any order", () => {
    const files: [string, Buffer][] = [
      ["b.txt", Buffer.from("b".repeat(99))],
      ["a.txt", Buffer.from("ä")],
    ];
    expect(zip(new Map(files)).equals(zip(new Map(files.reverse())))).toBe(true);
  });

  it("finds the messages that a script uses", () => {
    // biome-ignore lint/suspicious/noTemplateCurlyInString: source text, to be read as such
    expect(keysUsed('t("retry"); t(`type_${x}`)', ["retry", "type_RACE", "close"])).toEqual(["retry", "type_RACE"]);
  });
});
