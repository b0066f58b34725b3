"""The built extension in Debian's Chromium, on the forum's address, against the server and the simulator."""

import json
import subprocess
from contextlib import contextmanager
from pathlib import Path

import pytest
from playwright.sync_api import expect, sync_playwright
from tests.support import needs
from tests.support.forum_server import HOST, forum
from tests.support.local_server import local_server

from pitboard.local.demo_forum import forum_page

ROOT = Path(__file__).parents[2]
SHOTS = ROOT / "build" / "shots"

pytestmark = [pytest.mark.browser, pytest.mark.xdist_group("browser")]


@pytest.fixture(scope="session")
def extension():
    """The unpacked Chromium extension, built now if it has not been."""
    folder = ROOT / "addon" / "dist" / "chromium"
    if not (folder / "manifest.json").exists():
        npm = needs.program("npm", needs.NODE)
        if not (ROOT / "addon" / "node_modules").exists():
            subprocess.run([str(npm), "ci", "--no-audit", "--no-fund"], cwd=ROOT / "addon", check=True)
        subprocess.run([str(npm), "run", "build", "--silent"], cwd=ROOT / "addon", check=True)
    return folder


@pytest.fixture
def backend(tmp_path):
    with local_server(tmp_path, latency=0.02, link_latency=0.01) as backend:
        yield backend


@contextmanager
def browser(chromium, extension, profile, port, scheme="light"):
    """Chromium with the extension; the forum's name leads to our port, which counts as a public address."""
    with sync_playwright() as playwright:
        context = playwright.chromium.launch_persistent_context(
            profile,
            executable_path=chromium,
            headless=True,
            ignore_https_errors=True,
            color_scheme=scheme,
            viewport={"width": 1100, "height": 1000},
            ignore_default_args=["--disable-extensions"],
            args=[
                f"--disable-extensions-except={extension}",
                f"--load-extension={extension}",
                f"--host-resolver-rules=MAP {HOST}:443 127.0.0.1:{port}",
                f"--ip-address-space-overrides=127.0.0.1:{port}=public",
                "--disable-background-networking",
                "--disable-component-update",
                "--disable-sync",
                "--no-first-run",
            ],
        )
        try:
            yield context
        finally:
            context.close()


def point_at(context, url):
    """Sets the addon's backend, as its options page does."""
    worker = (
        context.service_workers[0] if context.service_workers else context.wait_for_event("serviceworker")
    )
    worker.evaluate("backend => chrome.storage.sync.set({ options: { backend } })", url)


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_thirty_posts_by_twenty_authors_are_one_request_and_all_the_right_people(
    chromium, extension, backend, tmp_path, scheme
):
    drivers = backend.drivers(20, seed=7)
    page_html = forum_page([driver.display_name for driver in drivers], scripts=False)
    styles = ROOT / "src" / "pitboard" / "local" / "static"
    asked = requests_of(backend)
    with (
        forum(tmp_path, lambda path: page_html if path.startswith("/discussion") else None, styles) as port,
        browser(chromium, extension, tmp_path / "profile", port, scheme) as context,
    ):
        point_at(context, backend.base_url)
        page = context.new_page()
        page.goto(f"https://{HOST}/discussion/90001/who-was-in-that-race")
        stats = page.locator(".Item-Header pitboard-stats")
        expect(stats).to_have_count(30)
        for author in page.locator(".Item").all():
            author.scroll_into_view_if_needed()
        truth = json.loads(backend.home.service.page([driver.display_name for driver in drivers], 8.0).body)
        for post in page.locator(".Item").all():
            licences = truth[post.locator(".Author a").inner_text()]["member_info"]["licenses"]
            for rating in {f"{licence['safety_rating']:.2f}" for licence in licences}:
                expect(post.locator(".Item-Header pitboard-stats")).to_contain_text(rating)
        SHOTS.mkdir(parents=True, exist_ok=True)
        page.evaluate("scrollTo(0, 0)")
        page.screenshot(path=SHOTS / f"forum-{scheme}.png")
    assert requests_of(backend) - asked == 1


def requests_of(backend):
    """How often GET /drivers was asked so far, as the server itself counts it."""
    import urllib3

    text = urllib3.request("GET", f"{backend.base_url}/metrics").data.decode()
    return sum(
        float(line.rsplit(" ", 1)[1])
        for line in text.splitlines()
        if line.startswith('pitboard_requests_total{route="/drivers"')
    )
