"""The demo's forum page: thirty invented posts by twenty invented drivers, in the forum's own markup."""

import random
from collections.abc import Sequence
from html import escape
from importlib.resources import files
from urllib.parse import quote

from starlette.requests import Request
from starlette.responses import HTMLResponse, Response
from starlette.routing import Route

POSTS = 30

_POLICY = "default-src 'none'; script-src 'self'; connect-src 'self'; img-src 'self' data:; style-src 'self'"

_SAYS = (
    "Three wide into turn one again. Who thought the inside line would be free?",
    "Setup question: how do you keep the rear under you once the tyres go off?",
    "That last stint was the most fun I have had all season. Thanks to everybody who left room.",
    "Does anyone else lose a tenth per lap in the final sector? I cannot see where.",
    "Try half a click of front wing and be patient on the throttle. It worked for me.",
    "Clean race, lost two places at the start, won four back. I will take it.",
    "The new tarmac is quick, but it punishes the smallest slide.",
    "Practice session tonight at eight, everybody is welcome.",
    "I would rather finish tenth without an incident than fifth with eight.",
    "Look at the replay from the chase camera: the gap was there, and then it was not.",
    "Fuel saving made the difference. Lift and coast from the board, every lap.",
    "First podium in this class! It only took a hundred and twelve starts.",
)


def forum_routes(authors: Sequence[str]) -> list[Route]:
    """GET /demo, the page, its style, and GET /demo/setup.js, which tells the addon where the backend is."""

    async def forum(_: Request) -> Response:
        return HTMLResponse(forum_page(authors), headers={"Content-Security-Policy": _POLICY})

    async def setup(_: Request) -> Response:
        return Response("window.pitboardDemo = { backend: location.origin };", media_type="text/javascript")

    async def style(_: Request) -> Response:
        return Response((files("pitboard.local") / "forum.css").read_bytes(), media_type="text/css")

    answers = {"/demo": forum, "/demo/setup.js": setup, "/demo/forum.css": style}
    return [Route(path, answer, methods=["GET"]) for path, answer in answers.items()]


def forum_page(authors: Sequence[str], scripts: bool = True) -> str:
    """The page as HTML, with the markup of the forum's classic theme. Every author posts at least once.

    With `scripts` it loads the addon as a plain script, without an extension or a userscript manager.
    """
    rng = random.Random(1)  # noqa: S311 - the same page every time
    order = [*authors, *rng.choices(authors, k=max(0, POSTS - len(authors)))]
    rng.shuffle(order)
    first, *others = (_post(number, name, order, rng) for number, name in enumerate(order))
    comments = "".join(_comment(i, post) for i, post in enumerate(others))
    addon = "".join(
        f'<script src="{file}" defer></script>'
        for file in ("/demo/setup.js", "/pitboard-card.js", "/pitboard-options.js", "/pitboard.user.js")
    )
    return f"""<!doctype html>
<html lang="en"><head><meta charset="utf-8"><title>Who was in that race? - Pitboard demo forum</title>
<meta name="viewport" content="width=device-width, initial-scale=1">
<link rel="icon" href="/static/logo.svg"><link rel="stylesheet" href="/demo/forum.css">
{addon if scripts else ""}</head><body>
<div class="notice">A demo: the forum, its drivers and their results are invented.
<a href="/">Look drivers up</a></div>
<div class="Frame"><p class="crumbs">Forums &rsaquo; Racing &rsaquo; Race reports</p>
<h1>Who was in that race?</h1>
<div class="MessageList Discussion"><div id="Discussion_90001" class="Item ItemDiscussion pageBox">
<div class="Discussion">{first}</div></div></div>
<ul class="MessageList DataList Comments pageBox">{comments}</ul>
</div></body></html>"""


def _comment(number: int, post: str) -> str:
    return (
        f'<li class="Item ItemComment pageBox" id="Comment_{700_000 + number}">'
        f'<div class="Comment">{post}</div></li>'
    )


def _post(number: int, name: str, order: Sequence[str], rng: random.Random) -> str:
    shown, link = escape(name), f"/profile/{quote(name)}"
    kind = "Comment" if number else "Discussion"
    said = "".join(f"<p>{escape(text)}</p>" for text in rng.sample(_SAYS, rng.choice((1, 1, 2))))
    if number % 7 == 3:
        said = _mention(rng.choice(order), said)
    user = 500 + number
    return f"""<div class="Item-Header {kind}Header">
<a title="{shown}" href="{link}" class="PhotoWrap js-userCard h{len(name) % 6}"
 data-userid="{user}">{shown[:1]}</a>
<div class="Item-HeaderContent"><div class="AuthorWrap">
<span class="Author"><a href="{link}" class="Username js-userCard" data-userid="{user}">{shown}</a></span>
<span class="AuthorInfo"><span class="MItem AuthorTitle">Member</span></span></div>
<div class="Meta {kind}Meta"><span class="MItem DateCreated">
<time>{_days(1 + number // 6)} ago</time></span></div>
</div></div>
<div class="Item-BodyWrap"><div class="Item-Body"><div class="Message userContent">{said}</div></div></div>"""


def _days(count: int) -> str:
    return "1 day" if count == 1 else f"{count} days"


def _mention(name: str, said: str) -> str:
    shown = escape(name)
    return said.replace(
        "<p>",
        f'<p><a class="atMention" data-username="{shown}" href="/profile/{quote(name)}">@{shown}</a> ',
        1,
    )
