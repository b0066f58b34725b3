"""The routes that hand the addon out, the same in both homes: the userscript, the page, the zips."""

from collections.abc import Awaitable, Callable
from functools import partial
from importlib.resources import files

from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from pitboard import __version__
from pitboard.addon import extension, pages, userscript

STATIC = {"site.css": "text/css", "logo.svg": "image/svg+xml"}
"""What the pages load, with its type."""

Answer = Callable[[Request], Awaitable[Response]]


def addon_routes(address: Callable[[Request], str], *, look_up: bool) -> list[Route]:
    """`address` gives the home's own, as a request came by it, without a slash at the end; `look_up`: there
    is a page to look drivers up at /."""
    answers = {
        "/pitboard.user.js": _script(userscript.script_for, address),
        **{f"/{n}": _script(partial(userscript.required_for, n), address) for n in userscript.REQUIRED},
        "/addon": _page(address, look_up=look_up),
        "/addon/": _page(address, look_up=look_up),
        **{f"/addon/pitboard-{b}.zip": _zip(b, address) for b in extension.BROWSERS},
        **{f"/static/{name}": _static(name, kind) for name, kind in STATIC.items()},
    }
    return [Route(path, answer, methods=["GET"]) for path, answer in answers.items()]


def _script(content: Callable[[str], bytes], address: Callable[[Request], str]) -> Answer:
    async def script(request: Request) -> Response:
        body = content(address(request))
        return Response(body, media_type="text/javascript", headers={"Cache-Control": "no-cache"})

    return script


def _page(address: Callable[[Request], str], *, look_up: bool) -> Answer:
    async def page(request: Request) -> Response:
        ours = address(request)
        # a gateway may pass on either form, or one for the other
        folder, up = ("", "../") if request.scope["path"].endswith("/") else ("addon/", "./")
        exposed = userscript.is_exposed(ours)
        return pages.answer(pages.addon_page(ours, folder=folder, up=up, look_up=look_up, exposed=exposed))

    return page


def _zip(browser: str, address: Callable[[Request], str]) -> Answer:
    name = f"pitboard-{browser}-{__version__}.zip"
    headers = {"Content-Disposition": f'attachment; filename="{name}"', "Cache-Control": "no-cache"}

    async def package(request: Request) -> Response:
        body = await run_in_threadpool(extension.zip_for, browser, address(request))
        return Response(body, media_type="application/zip", headers=headers)

    return package


def _static(name: str, kind: str) -> Answer:
    content = (files("pitboard.addon") / "static" / name).read_bytes()

    async def static(_: Request) -> Response:
        return Response(content, media_type=kind, headers={"Cache-Control": "max-age=3600"})

    return static
