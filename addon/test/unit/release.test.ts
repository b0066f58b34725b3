// @vitest-environment node
import { describe, expect, it } from "vitest";
import { filesFor, outputs } from "../../scripts/build.mjs";
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

it("the privacy text becomes a page with its lists", () => {
  const page = htmlOf("# Privacy\n\nAll `of` it.\n\n- **One.** First\n  and <more>.\n- **Two.** Second.\n");
  expect(page).toContain("<h1>Privacy</h1>\n<p>All <code>of</code> it.</p>");
  expect(page).toContain("<ul>\n<li><b>One.</b> First and &#60;more&#62;.</li>\n<li><b>Two.</b> Second.</li>\n</ul>");
});
