// @vitest-environment node
import { describe, expect, it } from "vitest";
import { filesFor, locales, outputs } from "../../scripts/build.mjs";
import { htmlOf } from "../../scripts/html.mjs";
import { builtFromSources, sources } from "../../scripts/release.mjs";
import { refusals, settings } from "../../scripts/settings.mjs";

const GOOD = {
  firefoxId: "{6c29010a-7e5e-43c1-bc8b-7353d4ba6689}",
  firefoxUpdates: "",
  homepage: "https://pitboard.dev",
  support: "mailto:help@pitboard.dev",
  privacy: "https://pitboard.dev/privacy.html",
  userscript: "",
};

describe("a release", () => {
  it("builds from its source archive, as the shop's reviewers do", async () => {
    expect(await builtFromSources(await sources())).toMatch(
      /^\w{64} {2}pitboard-chromium-\S+\.zip\n\w{64} {2}pitboard-firefox/,
    );
  });

  it("has the publisher's addresses, and the shops take them", () => {
    expect(refusals(GOOD)).toEqual([]);
    expect(refusals({ ...GOOD, homepage: "" })).toEqual(['release.json: "homepage" is missing.']);
  });

  it.each([
    ["homepage", "https://pitboard.invalid"],
    ["homepage", "http://pitboard.dev"],
    ["privacy", "https://example.org/privacy"],
    ["support", "mailto:me@host.test"],
    ["support", "me"],
    ["userscript", "https://localhost/x"],
    ["firefoxUpdates", "ftp://pitboard.dev"],
    ["firefoxId", "pitboard@pitboard.invalid"],
    ["firefoxId", "pitboard"],
  ])("is refused with %s %s", (name, value) => {
    expect(refusals({ ...GOOD, [name]: value })).toHaveLength(1);
  });

  it("has no address that nobody can own in its manifests", async () => {
    const { extension } = await outputs();
    for (const browser of ["chromium", "firefox"]) {
      const manifest = String((await filesFor(browser, extension)).get("manifest.json"));
      expect(manifest).not.toMatch(/\.invalid|\.example/);
    }
    expect(refusals({ ...GOOD, firefoxId: settings.firefoxId ?? "" })).toEqual([]);
  });
});

describe("the manifest", () => {
  const manifestOf = async (browser: string) => {
    const { extension } = await outputs();
    return JSON.parse(String((await filesFor(browser, extension)).get("manifest.json")));
  };

  it("meets the rules of Edge's shop: no address of updates, short names and descriptions, a large icon", async () => {
    const manifest = await manifestOf("chromium");
    expect(manifest).not.toHaveProperty("update_url");
    expect(manifest).not.toHaveProperty("browser_specific_settings");
    expect(manifest.version).toMatch(/^\d{1,4}(\.\d{1,4}){1,3}$/);
    expect(manifest.icons).toHaveProperty("128");
    for (const { name, description } of Object.values(await locales())) {
      expect(name?.message.length).toBeLessThanOrEqual(45);
      expect(description?.message.length).toBeLessThanOrEqual(132);
    }
  });

  it("allows Firefox for Android, from the first version that knows what it says of data", async () => {
    const { gecko, gecko_android } = (await manifestOf("firefox")).browser_specific_settings;
    expect(Number.parseInt(gecko_android.strict_min_version, 10)).toBeGreaterThanOrEqual(142);
    expect(gecko.data_collection_permissions.required).toEqual(["websiteContent"]);
  });
});

it("the privacy text becomes a page with its lists", () => {
  const page = htmlOf("# Privacy\n\nAll `of` it.\n\n- **One.** First\n  and <more>.\n- **Two.** Second.\n");
  expect(page).toContain("<h1>Privacy</h1>\n<p>All <code>of</code> it.</p>");
  expect(page).toContain("<ul>\n<li><b>One.</b> First and &#60;more&#62;.</li>\n<li><b>Two.</b> Second.</li>\n</ul>");
});
