/** The build's virtual modules for the unit tests: all messages, the surfaces, and style sheets as text. */

import { readFile } from "node:fs/promises";
import { deflateRawSync } from "node:zlib";
import { locales, surfacesModule } from "../../scripts/build.mjs";

export const virtualModules = () => ({
  name: "pitboard",
  enforce: "pre",
  resolveId: (id) => (id.startsWith("virtual:") ? `\0${id}` : null),
  async load(id) {
    if (id.endsWith(".css")) return `export default ${JSON.stringify(await readFile(id.split("?")[0], "utf8"))}`;
    if (id === "\0virtual:surfaces") return surfacesModule();
    if (id !== "\0virtual:messages") return null;
    const { en, ...others } = await locales();
    const keys = Object.keys(en);
    const words = (messages) => keys.map((key) => messages[key].message).join("\n");
    const rest = Object.fromEntries(Object.entries(others).map(([name, messages]) => [name, words(messages)]));
    const packed = {
      keys: keys.join(" "),
      en: words(en),
      others: deflateRawSync(JSON.stringify(rest)).toString("base64"),
    };
    return `export default ${JSON.stringify(packed)}`;
  },
});
