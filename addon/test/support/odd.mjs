/**
 * Forum pages that are hard for the addon: written from what is known of the forum's software and of its readers'
 * browsers, and not from the addon. Each has a `html`, and `names`: the author of each post that has one, in order.
 */

import { classic, escapeHtml, frame, href, PIXEL } from "./pages.mjs";

const CARD = 'role="button" aria-controls="popupTrigger1-content"';
/** The placeholder of a user card that is not loaded yet. */
const LOADER = '<span class="css-loader" aria-busy="true">Loading</span>';

const post = (n, header, after = "") =>
  `<li class="Item ItemComment pageBox" id="Comment_${900 + n}"><div class="Comment"><div class="Item-Header CommentHeader">${header}</div><div class="Item-BodyWrap"><div class="Item-Body"><div class="Message userContent"><p>Post ${n}</p></div>${after}</div></div></div></li>`;

const meta = (more = "") =>
  `<div class="Meta CommentMeta"><span class="MItem DateCreated"><a href="#p" class="Permalink"><time>today</time></a></span>${more}</div>`;

/** A classic header. `inside`: what the links have beside the name and the photo. */
const header = (name, inside = "", more = "") =>
  `<a title="${escapeHtml(name)}" href="${href(name)}" class="PhotoWrap js-userCard" data-userid="501">${inside}<img src="${PIXEL}" alt="${escapeHtml(name)}" class="ProfilePhoto"></a><div class="Item-HeaderContent"><div class="AuthorWrap"><span class="Author"><a href="${href(name)}" class="Username js-userCard js-userCardInitialized" ${CARD} data-userid="501">${inside}${escapeHtml(name)}</a></span> <span class="AuthorInfo"><span class="MItem AuthorTitle">Member</span></span></div>${meta(more)}</div>`;

const list = (posts) => `<ul class="MessageList DataList Comments">${posts.join("")}</ul>`;
const script = (code) => `<script nonce="x">${code}</script>`;
const page = (content, names) => ({ html: frame("light", "Cold tyres", content), names });

/** Classic posts on a narrow window: the loader is in the links when the page comes, goes, and comes again in one. */
export function lazyLoader() {
  const names = ["Kai López4", "Driver 6", "Driver 7"];
  const code = `setTimeout(() => { for (const e of document.querySelectorAll(".css-loader")) e.remove(); }, 400);
setTimeout(() => document.querySelector(".Username").prepend(Object.assign(document.createElement("span"), { className: "css-loader", textContent: "Loading" })), 800);
setTimeout(() => document.body.classList.add("done"), 1000);`;
  return page(list(names.map((name, n) => post(n, header(name, LOADER)))) + script(code), names);
}

const reactLink = (name, content) =>
  `<a aria-current="false" href="https://forums.iracing.com/profile/501/${encodeURIComponent(name)}" ${CARD} tabindex="0" data-link-type="legacy" class="css-1x">${content}</a>`;
const reactPost = (n, links, more = "", after = "") =>
  `<div id="Comment_${900 + n}" class="pageBoxNoCompat css-1a2b3c"><div class="css-9f"><div class="css-head">${links[0] ?? ""}<div class="css-main"><div class="css-metas"><div class="css-m">${links[1] ?? ""}</div></div><span class="css-meta">today${more}</span></div></div><div class="userContent css-u"><p>Post ${n}</p></div>${after}</div></div>`;

/** React posts whose links hold nothing but the loader at first. */
export function reactLoader() {
  const names = ["Lou Inventé3", "Driver 8"];
  const posts = names.map((name, n) => reactPost(n, [reactLink(name, LOADER), reactLink(name, "Loading")]));
  const code = `setTimeout(() => { for (const post of document.querySelectorAll("#app > div")) {
  const [photo, link] = post.querySelectorAll("a");
  const name = decodeURIComponent(link.pathname.split("/").pop());
  photo.replaceChildren(Object.assign(new Image(), { src: "${PIXEL}", alt: 'User: "' + name + '"' }));
  link.firstChild.data = name;
} document.body.classList.add("done"); }, 600);`;
  return page(`<div id="app">${posts.join("")}</div>${script(code)}`, names);
}

const other = (name) => `<a class="Username js-userCard" href="${href(name)}">${name}</a>`;
const reactions = `<div class="Reactions"><span class="Reactions-who">${other("Gia Finta")}, ${other("Otto Probst")}</span> like this</div>`;

/** Posts of deleted users, in classic and React markup, with links to other people around them. */
export function deleted() {
  const gone = `<div class="Item-HeaderContent"><div class="AuthorWrap"><span class="Author"><span class="Username">[Deleted User]</span></span></div>${meta(` <span class="MItem Edited">edited by ${other("Bo Demo")}</span>`)}</div>`;
  const bare = `<div class="Item-HeaderContent">${meta(` <span class="MItem Edited">edited by ${other("Bo Demo")}</span>`)}</div>`;
  const posts = [
    post(0, header("Ann Tester", "", ` <span class="MItem Edited">edited by ${other("Bo Demo")}</span>`), reactions),
    post(1, gone, reactions),
    post(2, bare, reactions),
    reactPost(3, ["", "<span>Deleted User</span>"], ` edited by ${reactLink("Bo Demo", "Bo Demo")}`, reactions),
    reactPost(4, [], "", reactions),
    reactPost(
      5,
      [reactLink("Finn Falsk", `<img src="${PIXEL}">`), reactLink("Finn Falsk", "Finn Falsk")],
      "",
      reactions,
    ),
  ];
  return page(list(posts), ["Ann Tester", "Finn Falsk"]);
}

/** A page that appends ten posts whenever its end comes into view, 60 in all. */
export function endless() {
  const names = Array.from({ length: 60 }, (_, n) => `Driver ${n + 100}`);
  const posts = names.map((name, n) => post(n, header(name)));
  const code = `const posts = ${JSON.stringify(posts).replaceAll("<", "\\u003c")};
const list = document.querySelector(".Comments");
const more = () => list.insertAdjacentHTML("beforeend", posts.splice(0, 10).join(""));
more();
new IntersectionObserver((entries) => entries.some((e) => e.isIntersecting) && more()).observe(document.querySelector("#MorePager"));`;
  return page(`${list([])}<div id="MorePager" class="MorePager">More</div>${script(code)}`, names);
}

/** Authors whose names are words of JavaScript. */
export function words() {
  const names = ["constructor", "__proto__", "toString", "hasOwnProperty"];
  return page(list(names.map((name, n) => post(n, header(name)))), names);
}

/** A page in a language that is written from right to left. */
export const rightToLeft = () => classic({ posts: 4 }).replace('<html lang="en">', '<html lang="ar" dir="rtl">');
