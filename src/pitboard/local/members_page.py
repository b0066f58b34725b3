"""The page at `/members`, where members ask not to be shown. It is there if the host has switched it on."""

import logging
import threading
import time
from collections import Counter
from html import escape
from urllib.parse import parse_qs

import anyio.to_thread
from starlette.requests import Request
from starlette.responses import HTMLResponse, Response
from starlette.routing import Route

from pitboard.addon import pages
from pitboard.drivers import names
from pitboard.drivers.errors import StoreError
from pitboard.drivers.freshness import DAY
from pitboard.http.problems import Problem
from pitboard.http.routes import is_web_page, network
from pitboard.local.members import LocalMembers

MOST_A_CLIENT = 5
FREE = 200
"""Requests of one network, and of all, that are taken in a day. After them each network that has asked for
nothing yet has one: no stranger keeps a member from asking, and few networks cannot hide many members."""

MOST_NETWORKS = 5_000
"""Networks that are remembered in a day."""

MOST_BY_PAGE = 3_000
"""Fingerprints after which the page adds none: what is left of `MOST_WITHHELD` is for `pitboard forget`."""

_FULL = "This page takes no more requests now. Please write to the host of this server."

log = logging.getLogger(__name__)

_HEADERS = {"Content-Security-Policy": pages.PAGE_POLICY, "Cache-Control": "no-store"}


class MembersPage:
    """The page and its form. What is asked takes effect at once; the host can take it back."""

    def __init__(self, members: LocalMembers) -> None:
        self._members = members
        self._lock = threading.Lock()
        self._asked: Counter[str] = Counter()
        self._told: set[str] = set()
        self._since = time.monotonic()

    @property
    def routes(self) -> list[Route]:
        """GET and POST /members."""
        return [
            Route("/members", self._show, methods=["GET"]),
            Route("/members", self._ask, methods=["POST"]),
        ]

    async def _show(self, _: Request) -> Response:
        return HTMLResponse(page(), headers=_HEADERS)

    async def _ask(self, request: Request) -> Response:
        if is_web_page(request):
            raise Problem(403, "wrong_origin", "This form is answered on this server's own page only.")
        text = ""
        try:
            fields = parse_qs((await request.body()).decode("utf-8", "replace"), max_num_fields=10)
            text = fields.get("name", [""])[0]
            name = names.parse(text)
        except ValueError as error:  # too many fields, or no name
            return HTMLResponse(page(text, problem=str(error)), 400, _HEADERS)
        # One site has thousands of the IPv6 networks that are a reader elsewhere.
        site = network(request.client.host, 48) if request.client else ""
        if not self._has_room(site):
            return HTMLResponse(page(text, problem=_FULL), 429, _HEADERS)
        try:
            await anyio.to_thread.run_sync(self._members.forget_soon, [name])
        except StoreError:
            with self._lock:
                self._asked[site] -= 1
            raise
        return HTMLResponse(page(done=name.shown), headers=_HEADERS)

    def _has_room(self, who: str) -> bool:
        with self._lock:
            if time.monotonic() - self._since > DAY:
                self._asked.clear()
                self._told.clear()
                self._since = time.monotonic()
            if len(self._members.kept.current().withheld) >= MOST_BY_PAGE:
                self._tell(
                    logging.ERROR, f"{MOST_BY_PAGE:,} names and ids are withheld: /members takes no more"
                )
                return False
            used, total = self._asked[who], self._asked.total()
            if total >= FREE:
                self._tell(
                    logging.WARNING, f"{FREE:,} requests came to /members in a day: one a network is taken"
                )
            if used >= (MOST_A_CLIENT if total < FREE else 1):
                return False
            if not used and len(self._asked) >= MOST_NETWORKS:
                return False
            self._asked[who] += 1
            return True

    def _tell(self, level: int, what: str) -> None:
        """Tells the host, once a day."""
        if what not in self._told:
            self._told.add(what)
            log.log(level, what)


def page(text: str = "", *, problem: str = "", done: str = "") -> str:
    """The page as HTML, with what came of the form."""
    told = ""
    if problem:
        told = f'<article class="miss" role="alert"><p>{escape(problem)}</p></article>'
    elif done:
        told = (
            f'<article role="status"><h2>{escape(done)}</h2><p>This name is not shown here any more, and'
            " iRacing is not asked for it again. What was kept is being deleted. Browsers may show what they"
            " already had for up to 20 minutes.</p></article>"
        )
    return pages.page(
        "Pitboard: members",
        "What is shown about you",
        f"""{told}
<article><h2>Do you want not to be shown?</h2>
<p>This server shows readers of the iRacing forum the licences, ratings and recent races of its authors. It
has them from iRacing, and deletes them after 30 days without use.</p>
<p>Type your name as the forum shows it, with the number at its end. What is kept about you is deleted, you
are not shown here any more, and your name is not looked up again. What stays is a fingerprint of the name and
of your customer id, by which this is known.</p></article>
<form action="members" method="post"><input name="name" value="{escape(text)}" aria-label="Your name"
 placeholder="Ann Tester" autocomplete="off" maxlength="200" required><button>Do not show me</button></form>
<p class="hint">Did you change your mind? Ask the host of this server.</p>
<footer><a href="./">Look drivers up</a></footer>""",
    )
