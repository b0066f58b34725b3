import { readdir, readFile } from "node:fs/promises";
import { resolve } from "node:path";
import { beforeEach, describe, expect, it } from "vitest";
import { DEFAULTS } from "../../src/core/options.ts";
import { Form } from "../../src/options/form.ts";
import { expectsAuthors, ownName } from "../../src/site/page.ts";
import type { MountPoint } from "../../src/site/surface.ts";
import { SURFACES, scopeOf } from "../../src/site/surfaces.ts";
import * as pages from "../support/pages.mjs";
import { fixture, idsIn } from "../support/surfaces.ts";

function show(html: string): void {
  const parsed = new DOMParser().parseFromString(html, "text/html");
  document.body.replaceChildren(...parsed.body.childNodes);
}

function find(id: string, root: Element = document.body): MountPoint[] {
  return [...(SURFACES.find((surface) => surface.id === id)?.find(root) ?? [])];
}

const names = (id: string): string[] => find(id).map((point) => point.name);

function mounted(id: string): Element {
  const host = document.createElement("pitboard-stats");
  find(id)[0]?.mount(host);
  return host;
}

beforeEach(() => document.body.replaceChildren());

it("every file in src/site/surfaces is a surface, and has a fixture of the same name", async () => {
  const files = await idsIn("src/site/surfaces");
  expect(SURFACES.map(({ id }) => id).sort()).toEqual(files);
  expect(await idsIn("test/surfaces")).toEqual(files);
});

it("no two surfaces have the same position in the options", () => {
  expect(new Set(SURFACES.map(({ order }) => order)).size).toBe(SURFACES.length);
});

describe.each(SURFACES)("the surface $id", ({ id, byDefault, on }) => {
  it("finds the names on its fixture page", async () => {
    const { path, html, names: expected } = await fixture(id);
    history.replaceState(null, "", path);
    show(html);
    expect(on?.(path)).not.toBe(false);
    expect(names(id)).toEqual(expected);
  });

  it("has its name in every language", async () => {
    const folder = resolve(import.meta.dirname, "../../_locales");
    for (const language of await readdir(folder)) {
      const messages = JSON.parse(await readFile(resolve(folder, language, "messages.json"), "utf8"));
      expect(messages[`surface_${id}`]?.message, language).toMatch(/\w/);
    }
  });

  it("has a switch in the options form, which shows its default and stores the reader's choice", () => {
    let stored = DEFAULTS;
    new Form(document.body, {
      options: DEFAULTS,
      surfaces: SURFACES,
      save: (options) => {
        stored = options;
      },
      notes: async () => ({}),
      saveNotes: async () => {},
      test: async () => ({ state: "unreachable" }),
      preview() {},
    });
    const input = document.querySelector<HTMLInputElement>(`#surface-${id}`);
    expect(input?.checked).toBe(byDefault);
    input?.click();
    expect(stored.surfaces).toEqual({ [id]: !byDefault });
  });
});

describe("a classic post", () => {
  it("has its line as the last child of the header", () => {
    show(pages.classic({ posts: 1 }));
    const host = mounted("posts");
    expect(host.parentElement?.className).toBe("Item-Header DiscussionHeader");
    expect(host.nextElementSibling).toBeNull();
  });

  it("has the author's name, not one from a quote or a mention", () => {
    show(pages.classic({ posts: 2, bodies: { 0: pages.REPLY, 1: pages.REPLY } }));
    expect(names("posts")).toEqual(["Ann Tester", "Bo Demo"]);
  });

  it("has the author's name when the photo's link is in .Author too, first", () => {
    show(
      `<ul><li class="Item ItemComment" id="Comment_1"><div class="Comment"><div class="Item-Header CommentHeader"><div class="AuthorWrap"><span class="Author"><a class="PhotoWrap" href="/profile/Ann%20Tester"><img></a><a class="Username" href="/profile/Ann%20Tester">Ann Tester</a></span></div></div><div class="Item-Body"><div class="Message userContent">x</div></div></div></li></ul>`,
    );
    expect(names("posts")).toEqual(["Ann Tester"]);
  });

  it("of a deleted user has no line", () => {
    show(pages.classic({ posts: 2, authors: ["Deleted User", "Unknown"] }));
    expect(names("posts")).toEqual([]);
  });

  it("is found again after the forum has replaced the name's link by a React copy", () => {
    show(pages.classic({ posts: 1 }));
    const link = document.querySelector(".Author a");
    const copy = document.createElement("a");
    copy.className = "Username js-userCard js-userCardInitialized";
    copy.setAttribute("href", "/profile/Ann%20Tester");
    copy.textContent = "Ann Tester";
    link?.replaceWith(copy);
    expect(scopeOf(copy).id).toBe("Discussion_90001");
    expect(find("posts", scopeOf(copy)).map(({ name }) => name)).toEqual(["Ann Tester"]);
  });
});

describe("a React post", () => {
  it("has the author's name, also with other class names", () => {
    show(pages.react({ posts: 2 }).replaceAll(/class="[^"]*css-[^"]*"/g, 'class="css-zzz"'));
    for (const body of document.querySelectorAll("#app > div > div > div:last-child"))
      body.classList.add("userContent");
    expect(names("posts")).toEqual(["Ann Tester", "Bo Demo"]);
  });

  it("has its line between header and body", () => {
    show(pages.react({ posts: 1 }));
    const host = mounted("posts");
    expect(host.previousElementSibling?.className).toContain("headerRoot");
    expect(host.nextElementSibling?.className).toContain("userContent");
  });

  it("has the author's name, not one from a quote", () => {
    show(pages.react({ posts: 1 }));
    document
      .querySelector(".userContent")
      ?.append(...new DOMParser().parseFromString(pages.REPLY, "text/html").body.childNodes);
    expect(names("posts")).toEqual(["Ann Tester"]);
    expect(names("quotes")).toEqual(["Bo Demo"]);
  });
});

it("a private message has its line between name and text, and is not a post", async () => {
  show((await fixture("messages")).html);
  expect(mounted("messages").nextElementSibling?.className).toContain("userContent");
  expect(names("posts")).toEqual([]);
});

it("a mention has its badge after the link", async () => {
  show((await fixture("mentions")).html);
  expect(mounted("mentions").previousElementSibling?.className).toBe("atMention");
});

it("the rows of a list are not posts", async () => {
  show((await fixture("lists")).html);
  expect(names("posts")).toEqual([]);
});

it("surfaces are searched only on pages that can have them", () => {
  const on = (path: string) => SURFACES.filter((surface) => surface.on?.(path) !== false).map(({ id }) => id);
  const discussion = on("/discussion/1/x");
  expect(discussion).toEqual(expect.arrayContaining(["posts", "messages", "quotes", "mentions"]));
  for (const id of ["profile", "lists", "search"]) expect(discussion).not.toContain(id);
  expect(on("/search")).not.toContain("posts");
});

it("only discussions are expected to have authors", () => {
  expect(["/discussion/1/x", "/discussions", "/entry/signin"].filter(expectsAuthors)).toEqual(["/discussion/1/x"]);
});

it("the reader's own name is read from the title bar", () => {
  show(pages.classic({ posts: 1, me: "Bo Demo" }));
  expect(ownName()).toBe("Bo Demo");
  show(pages.classic({ posts: 1 }));
  expect(ownName()).toBe("");
});
