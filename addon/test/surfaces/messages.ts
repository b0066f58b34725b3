import { frame, href, PIXEL } from "../support/pages.mjs";
import type { Fixture } from "../support/surfaces.ts";

const names = ["Ann Tester", "Bo Demo"];

const message = (name: string, n: number) =>
  `<li id="Message_${88 + n}" class="Item pageBox HasPhoto"><div id="Item_${n}" class="ConversationMessage"><a class="PhotoWrap js-userCard" data-userid="50${n}" href="${href(name)}"><img src="${PIXEL}" alt=""></a>
<div class="ConversationMessage-content"><div class="Meta"><span class="Author"><a href="${href(name)}" class="Name js-userCard" data-userid="50${n}">${name}</a></span><span class="MItem DateCreated">today</span></div><div class="Message userContent"><p>See you on the grid.</p></div></div></div></li>`;

export default {
  path: "/messages/5",
  html: frame(
    "light",
    "Conversation",
    `<ul class="DataList MessageList Conversation">${names.map(message).join("")}</ul>`,
  ),
  names,
} satisfies Fixture;
