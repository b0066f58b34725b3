import { frame, href, PIXEL } from "../support/pages.mjs";
import type { Fixture } from "../support/surfaces.ts";

const photo = (name: string) =>
  `<div class="Author Photo"><a class="PhotoWrap" href="${href(name)}"><img src="${PIXEL}" alt="${name}"></a></div>`;
const anchor = (name: string, more = "") => `<a href="${href(name)}" class="${more}">${name}</a>`;

const content = `<ul class="DataList Activities">
<li id="Activity_1" class="Item Activity Activity-WallPost HasPhoto">${photo("Ann Tester")}<div class="ItemContent Activity"><div class="Title" role="heading">${anchor("Ann Tester", "Name")} <span>→</span> ${anchor("Bo Demo", "Name")}</div><div class="Excerpt userContent">See ${anchor("Gia Finta")}</div><div class="Meta"><span class="MItem DateCreated">today</span></div></div>
<ul class="DataList ActivityComments"><li id="ActivityComment_5" class="Item ActivityComment HasPhoto">${photo("Otto Probst")}<div class="ItemContent ActivityComment">${anchor("Otto Probst", "Title Name")}<div class="Excerpt">Thanks, ${anchor("Bo Demo")}</div></div></li></ul></li>
<li id="Activity_2" class="Item Activity Activity-Join"><div class="ItemContent Activity"><div class="Title">${anchor("Pia Vzorová")} joined. <a href="/activity/2">Reply</a></div></div></li></ul>`;

export default {
  path: "/activity",
  html: frame("light", "Activity", content),
  names: ["Ann Tester", "Bo Demo", "Otto Probst", "Pia Vzorová"],
} satisfies Fixture;
