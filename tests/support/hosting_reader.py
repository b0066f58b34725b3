"""A reader of the forum who takes the extension from a server's /addon/, in a real Chromium."""

import io
import zipfile
from collections.abc import Sequence
from pathlib import Path

from playwright.sync_api import BrowserContext, Page, Playwright, expect, sync_playwright
from tests.support.forum_server import HOST, forum

from pitboard.local.demo_forum import forum_page

ROOT = Path(__file__).parents[2]
STYLES = ROOT / "src" / "pitboard" / "local" / "static"


def sees_every_author(
    chromium: str, packed: bytes, server: str, authors: Sequence[str], folder: Path
) -> None:
    """Installs the `packed` extension, opens a page of the forum, and looks at the line of each post.

    No address is entered and no permission given: the extension asks where it came from. `server` says where
    the browser finds that, as `NAME:443 127.0.0.1:PORT`. The screenshot is build/shots/hosting.png.
    """
    unpacked = folder / "extension"
    with zipfile.ZipFile(io.BytesIO(packed)) as opened:
        opened.extractall(unpacked)
    html = forum_page(list(authors), scripts=False)
    pages = forum(folder, lambda path: html if path.startswith("/discussion") else None, STYLES)
    with pages as port, sync_playwright() as playwright:
        rules = f"MAP {HOST}:443 127.0.0.1:{port}, MAP {server}"
        context = _browser(playwright, chromium, folder / "profile", unpacked, rules)
        try:
            page = context.new_page()
            page.goto(f"https://{HOST}/discussion/90001/who-was-in-that-race")
            _look(page)
        finally:
            context.close()


def _browser(
    playwright: Playwright, chromium: str, profile: Path, extension: Path, rules: str
) -> BrowserContext:
    return playwright.chromium.launch_persistent_context(
        profile,
        executable_path=chromium,
        headless=True,
        viewport={"width": 1100, "height": 1000},
        ignore_default_args=["--disable-extensions"],
        args=[
            f"--disable-extensions-except={extension}",
            f"--load-extension={extension}",
            f"--host-resolver-rules={rules}",
            "--ignore-certificate-errors",
            "--disable-background-networking",
            "--no-first-run",
        ],
    )


def _look(page: Page) -> None:
    for post in page.locator(".Item").all():
        post.scroll_into_view_if_needed()
        stats, author = post.locator(".Item-Header pitboard-stats"), post.locator(".Author a")
        expect(stats).to_have_attribute("data-state", "fresh", timeout=20_000)
        expect(stats).to_have_attribute("data-name", author.inner_text())
    assert page.locator(".Item").count() == 30
    shots = ROOT / "build" / "shots"
    shots.mkdir(parents=True, exist_ok=True)
    page.evaluate("scrollTo(0, 0)")
    page.screenshot(path=shots / "hosting.png")
