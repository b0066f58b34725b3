import { frame, href } from "../support/pages.mjs";
import type { Fixture } from "../support/surfaces.ts";

const row = (name: string, n: number) =>
  `<li id="Discussion_${n}" class="Item pageBox"><div class="ItemContent"><a href="/discussion/${n}/x" class="Title">Topic ${n}</a><div class="Meta Meta-Discussion"><span class="MItem LastCommentBy">Most recent by <a href="${href(name)}" class="js-userCard">${name}</a></span></div></div></li>`;

const content = `<ul class="DataList Discussions">${["Ann Tester", "Bo Demo"].map(row).join("")}</ul>
<table><tr><td class="BlockColumn BlockColumn-User FirstUser"><a class="UserLink BlockTitle" href="${href("Otto Probst")}">Otto Probst</a></td></tr></table>
<div class="MostRecentBy">by <a class="UserLink" href="${href("Pia Vzorová")}">Pia Vzorová</a></div>
<div class="Meta">by <a data-link-type="legacy" href="${href("Rui Suposto")}">Rui Suposto</a></div>`;

export default {
  path: "/discussions",
  html: frame("light", "Discussions", content),
  names: ["Ann Tester", "Bo Demo", "Otto Probst", "Pia Vzorová", "Rui Suposto"],
} satisfies Fixture;
