/** The demo's page: a discussion of invented people, with the forum's markup. */

import { h } from "../ui/h.ts";
import { NAMES, READER } from "./drivers.ts";

const TEXTS = [
  "Three wide into turn one again. Who thought the inside line would be free?",
  "Setup question: how do you keep the rear under you once the tyres go off?",
  "Does anyone else lose a tenth per lap in the final sector? I cannot see where.",
  "Clean race, lost two places at the start, won four back. I will take it.",
];

/** Links lead nowhere: there is no forum behind this page. */
const profile = (name: string) => ({ href: `#/profile/${encodeURIComponent(name)}` });

function post(name: string, n: number): HTMLElement {
  const kind = n ? "Comment" : "Discussion";
  const header = h(
    "div",
    { class: `Item-Header ${kind}Header` },
    h(
      "a",
      { ...profile(name), class: "PhotoWrap js-userCard", title: name },
      h("span", { class: "photo" }, name.slice(0, 1)),
    ),
    h(
      "div",
      { class: "Item-HeaderContent" },
      h(
        "div",
        { class: "AuthorWrap" },
        h("span", { class: "Author" }, h("a", { ...profile(name), class: "Username js-userCard" }, name)),
        h("span", { class: "AuthorInfo" }, "Member"),
      ),
    ),
  );
  const text = h("div", { class: "Message userContent" }, h("p", {}, TEXTS[n % TEXTS.length] ?? ""));
  return h(
    "article",
    { class: `Item Item${kind} pageBox`, id: `${kind}_${7000 + n}` },
    h("div", { class: kind }, header, text),
  );
}

/** Fills the page. */
export function fillPage(main: HTMLElement, notice: string): void {
  main.append(
    h("p", { class: "notice" }, notice),
    h("h1", {}, "Who was in that race?"),
    h("div", { class: "MeBox" }, h("a", { class: "Username", ...profile(READER) }, READER)),
    ...NAMES.map(post),
  );
}
