/** Forum pages, with the markup of the forum software's public source. The pages of single surfaces are in `test/surfaces`. */

import { NAMES } from "./drivers.mjs";

const LOOKS = {
  light: "--bg:#f4f5f7;--box:#ffffff;--ink:#3a3f47;--soft:#666c76;--rule:#dfe2e6;--link:#0d5fb8",
  dark: "--bg:#14161a;--box:#1e2126;--ink:#d9dde3;--soft:#979ea8;--rule:#33383f;--link:#79b2f2",
};

const css = (
  look,
) => `:root{${LOOKS[look]}}*{box-sizing:border-box}body{margin:0;background:var(--bg);color:var(--ink);font:15px/1.5 "Open Sans","Segoe UI",system-ui,sans-serif}
header#titleBar{background:#1d3d7c;color:#fff;padding:12px 0}header#titleBar div{max-width:960px;margin:auto;padding:0 20px;display:flex;gap:24px;align-items:center}header#titleBar img{width:26px;height:26px;border-radius:50%;margin-left:auto}
main{max-width:960px;margin:24px auto;padding:0 20px}h1{font-size:24px;margin:0 0 16px}a{color:var(--link);text-decoration:none}
ul{list-style:none;margin:0;padding:0}.pageBox,.pageBoxNoCompat{background:var(--box);border:1px solid var(--rule);border-radius:8px;padding:16px 20px;margin:0 0 12px;display:block}
.Item-Header,.headerRoot{display:flex;align-items:center}.PhotoWrap{flex:none;margin-right:12px;display:block;height:42px}.PhotoWrap img{width:42px;height:42px;border-radius:50%;background:linear-gradient(135deg,#9db4d8,#4b6aa8)}
.Item-HeaderContent{flex:1 1 auto}.Author a,.userName{font-weight:600;color:var(--ink)}.AuthorInfo,.Meta{color:var(--soft);font-size:12.5px}.AuthorWrap{display:flex;gap:8px;align-items:baseline}
.Meta a{color:inherit}.Message,.userContent{margin-top:12px}.Message p{margin:0 0 10px}.js-embed,blockquote{border:1px solid var(--rule);border-radius:6px;padding:10px 14px;margin:0 0 10px;color:var(--soft)}
.Options{margin-left:auto;color:var(--soft)}`;

export const PIXEL = "data:image/gif;base64,R0lGODlhAQABAIAAAAAAAP///yH5BAEAAAAALAAAAAABAAEAAAIBRAA7";
const TEXTS = [
  "Anyone else find the new tyre model easier to catch on cold laps? I spun twice on Sunday and still finished the race.",
  "Braking a touch earlier into the last corner gave me three tenths. Have a look at the telemetry, it is all in the release.",
  "We had a great league race with twenty cars. No cautions until the last stint, and then four of them.",
];

export const escapeHtml = (text) => text.replace(/[&<>"']/g, (c) => `&#${c.charCodeAt(0)};`);
export const href = (name) => `/profile/${encodeURIComponent(name)}`;

/** The body of a post with a quote of Bo Demo, a mention of Finn Falsk, and an ordinary link to a profile. */
export const REPLY = `<div class="js-embed embedResponsive" data-embedJson='{"embedType":"quote"}'><a href="/profile/502/Bo%20Demo">Bo Demo</a> said</div><p><a class="atMention" data-username="Finn Falsk" data-userid="502" href="/profile/Finn%20Falsk">@Finn Falsk</a> hi, see <a href="/profile/Gia%20Finta">her profile</a></p>`;

const header = (kind, name, n) => `<div class="Item-Header ${kind}Header">
 <a title="${escapeHtml(name)}" href="${href(name)}" class="PhotoWrap js-userCard" data-userid="${500 + n}"><img src="${PIXEL}" alt="${escapeHtml(name)}" class="ProfilePhoto ProfilePhotoMedium"></a>
 <div class="Item-HeaderContent"><div class="AuthorWrap"><span class="Author"><a href="${href(name)}" class="Username js-userCard" data-userid="${500 + n}">${escapeHtml(name)}</a></span> <span class="AuthorInfo"><span class="MItem AuthorTitle">Member</span></span></div>
 <div class="Meta ${kind}Meta"><span class="MItem DateCreated"><a href="#c${n}" class="Permalink"><time>October ${1 + (n % 28)}</time></a></span></div></div>
 <div class="Options">⋯</div></div>`;

export const comment = (n, name, body = `<p>${TEXTS[n % TEXTS.length]}</p>`) =>
  `<li class="Item ItemComment pageBox" id="Comment_${700000 + n}"><div class="Comment">${header("Comment", name, n)}<div class="Item-BodyWrap"><div class="Item-Body"><div class="Message userContent">${body}</div></div></div></div></li>`;

/** A page of the forum around some content. `me`: the name of the reader in the title bar. */
export const frame = (
  look,
  title,
  content,
  me,
) => `<!doctype html><html lang="en"><meta charset="utf-8"><meta name="viewport" content="width=device-width"><title>${title}</title><style>${css(look)}</style>
<body><header id="titleBar"><div><b>Forums</b><span>Discussions</span>${me ? `<img src="${PIXEL}" alt='User: "${escapeHtml(me)}"'>` : ""}</div></header><main><h1>${title}</h1>${content}</main></body></html>`;

/** A discussion in classic markup: an opening post and comments. */
export function classic({ posts = 30, authors = NAMES, look = "light", bodies = {}, me = "" } = {}) {
  const opening = `<div class="MessageList Discussion"><div id="Discussion_90001" class="Item ItemDiscussion pageBox"><div class="Discussion">${header("Discussion", authors[0], 0)}<div class="Item-BodyWrap"><div class="Item-Body"><div class="Message userContent">${bodies[0] ?? `<p>${TEXTS[0]}</p>`}</div></div></div></div></div></div>`;
  const comments = Array.from({ length: posts - 1 }, (_, i) =>
    comment(i + 1, authors[(i + 1) % authors.length], bodies[i + 1]),
  );
  return frame(
    look,
    "Cold tyres at Okayama",
    `${opening}<ul class="MessageList DataList Comments pageBox-none">${comments.join("\n")}</ul>`,
    me,
  );
}

export const reactPost = (n, name, body = `<p>${TEXTS[n % TEXTS.length]}</p>`) => {
  const url = `https://forums.iracing.com/profile/${500 + n}/${encodeURIComponent(name)}`;
  return `<div id="Comment_${700000 + n}" class="pageBoxNoCompat css-1a2b3c"><div class="css-x-threadItemContainer"><div class="headerRoot css-x-headerRoot">
<a aria-current="false" href="${url}" role="button" tabindex="0" data-link-type="legacy" class="PhotoWrap css-x"><div><img title="${escapeHtml(name)}" alt='User: "${escapeHtml(name)}"' src="${PIXEL}"></div></a>
<div class="headerMain"><div class="css-m"><div><a href="${url}" role="button" data-link-type="legacy" class="userName css-x">${escapeHtml(name)}</a></div></div><span class="Meta">today</span></div></div><div class="userContent css-u">${body}</div></div></div>`;
};

/** A discussion in React markup. */
export const react = ({ posts = 30, authors = NAMES, look = "light", me = "" } = {}) =>
  frame(
    look,
    "Cold tyres at Okayama",
    `<div id="app">${Array.from({ length: posts }, (_, i) => reactPost(i, authors[i % authors.length])).join("\n")}</div>`,
    me,
  );
