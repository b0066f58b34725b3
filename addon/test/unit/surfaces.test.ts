import { beforeEach, describe, expect, it } from "vitest";
import type { SurfaceId } from "../../src/core/options.ts";
import { ownName, type Place, SURFACES, scope } from "../../src/site/surfaces.ts";
import * as pages from "../support/pages.mjs";

function show(html: string): void {
  const parsed = new DOMParser().parseFromString(html, "text/html");
  document.body.replaceChildren(...parsed.body.childNodes);
}

function places(id: SurfaceId, root: Element = document.body): Place[] {
  return [...(SURFACES.find((surface) => surface.id === id)?.find(root) ?? [])];
}

const names = (id: SurfaceId): string[] => places(id).map((place) => place.name);

function mounted(id: SurfaceId): Element {
  const host = document.createElement("pitboard-stats");
  places(id)[0]?.mount(host);
  return host;
}

const QUOTE = `<div class="js-embed embedResponsive" data-embedJson='{"embedType":"quote"}'><a href="/profile/502/Bo%20Demo">Bo Demo</a> said</div><p><a class="atMention" data-username="Finn Falsk" data-userid="502" href="/profile/Finn%20Falsk">@Finn Falsk</a> hi, see <a href="/profile/Gia%20Finta">her profile</a></p>`;

beforeEach(() => document.body.replaceChildren());

describe("classic posts", () => {
  it("have their author, the opening post too", () => {
    show(pages.classic({ posts: 3 }));
    expect(names("posts")).toEqual(["Ann Tester", "Bo Demo", "Caspar van Voorbeeld"]);
  });

  it("have their line as the last child of the header", () => {
    show(pages.classic({ posts: 1 }));
    const host = mounted("posts");
    expect(host.parentElement?.className).toBe("Item-Header DiscussionHeader");
    expect(host.nextElementSibling).toBeNull();
  });

  it("never take a name in a quote or a mention for the author", () => {
    show(pages.classic({ posts: 2, bodies: { 0: QUOTE, 1: QUOTE } }));
    expect(names("posts")).toEqual(["Ann Tester", "Bo Demo"]);
  });

  it("may have the photo's link inside .Author, first", () => {
    show(
      `<ul><li class="Item ItemComment" id="Comment_1"><div class="Comment"><div class="Item-Header CommentHeader"><div class="AuthorWrap"><span class="Author"><a class="PhotoWrap" href="/profile/Ann%20Tester"><img></a><a class="Username" href="/profile/Ann%20Tester">Ann Tester</a></span></div></div><div class="Item-Body"><div class="Message userContent">x</div></div></div></li></ul>`,
    );
    expect(names("posts")).toEqual(["Ann Tester"]);
  });

  it("of deleted users have none", () => {
    show(pages.classic({ posts: 2, authors: ["Deleted User", "Unknown"] }));
    expect(names("posts")).toEqual([]);
  });

  it("are found again when the name's link was replaced by a React copy", () => {
    show(pages.classic({ posts: 1 }));
    const link = document.querySelector(".Author a");
    const copy = document.createElement("a");
    copy.className = "Username js-userCard js-userCardInitialized";
    copy.setAttribute("href", "/profile/Ann%20Tester");
    copy.textContent = "Ann Tester";
    link?.replaceWith(copy);
    expect(scope(copy).id).toBe("Discussion_90001");
    expect(places("posts", scope(copy)).map((p) => p.name)).toEqual(["Ann Tester"]);
  });
});

describe("React posts", () => {
  it("have their author, without class names", () => {
    show(pages.react({ posts: 2 }).replaceAll(/class="[^"]*css-[^"]*"/g, 'class="css-zzz"'));
    for (const body of document.querySelectorAll("#app > div > div > div:last-child"))
      body.classList.add("userContent");
    expect(names("posts")).toEqual(["Ann Tester", "Bo Demo"]);
  });

  it("have their line after the header and outside of it", () => {
    show(pages.react({ posts: 1 }));
    const host = mounted("posts");
    expect(host.previousElementSibling?.className).toContain("headerRoot");
    expect(host.nextElementSibling?.className).toContain("userContent");
  });

  it("never take a quoted name for the author", () => {
    show(pages.react({ posts: 1 }));
    document
      .querySelector(".userContent")
      ?.append(...new DOMParser().parseFromString(QUOTE, "text/html").body.childNodes);
    expect(names("posts")).toEqual(["Ann Tester"]);
    expect(names("quotes")).toEqual(["Bo Demo"]);
  });
});

it("private messages have their authors, and the line between name and text", () => {
  show(pages.messages());
  expect(names("messages")).toEqual(["Ann Tester", "Bo Demo"]);
  expect(mounted("messages").nextElementSibling?.className).toContain("userContent");
  expect(names("posts")).toEqual([]);
});

it("mentions and quotes have a badge behind the link, other links none", () => {
  show(pages.classic({ posts: 1, bodies: { 0: QUOTE } }));
  expect(names("mentions")).toEqual(["Finn Falsk"]);
  expect(names("quotes")).toEqual(["Bo Demo"]);
  expect(mounted("mentions").previousElementSibling?.className).toBe("atMention");
});

it("old quotes have a badge too", () => {
  show(
    `<div class="Message userContent"><blockquote class="Quote UserQuote"><div class="QuoteText QuoteAuthor"><a href="/profile/Bo%20Demo" data-userid="5">Bo Demo</a> wrote:</div></blockquote></div>`,
  );
  expect(names("quotes")).toEqual(["Bo Demo"]);
});

it("lists of discussions and categories have badges, and their rows are no posts", () => {
  show(pages.list());
  expect(names("lists")).toHaveLength(10);
  expect(names("lists")).toContain("Pia Vzorová");
  expect(names("posts")).toEqual([]);
});

it("search results and the profile page are surfaces", () => {
  show(pages.search());
  expect(names("search")).toEqual(["Ann Tester"]);
  show(pages.profile());
  expect(names("profile")).toEqual(["Ann Tester"]);
});

it("only looks where the surface can be", () => {
  const on = (path: string) => SURFACES.filter((surface) => surface.on(path)).map((surface) => surface.id);
  expect(on("/discussion/1/x")).toEqual(["posts", "messages", "mentions", "quotes"]);
  expect(on("/discussions")).toContain("lists");
  expect(on("/search")).toContain("search");
  expect(on("/search")).not.toContain("posts");
  expect(on("/profile/501/Ann")).toContain("profile");
});

it("reads the reader's own name from the title bar", () => {
  show(pages.classic({ posts: 1, me: "Bo Demo" }));
  expect(ownName()).toBe("Bo Demo");
  show(pages.classic({ posts: 1 }));
  expect(ownName()).toBe("");
});
