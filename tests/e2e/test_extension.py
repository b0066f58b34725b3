"""The built extension in Debian's Chromium, on the forum's address, against the server and the simulator."""

import json
import shutil
import subprocess
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs

import pytest
from playwright.sync_api import expect, sync_playwright
from tests.support import needs
from tests.support.forum_server import HOST, forum
from tests.support.local_server import local_home, local_server

from pitboard.drivers.refresh import refresh
from pitboard.iracing.driver_lists import DriverLists
from pitboard.local.demo_forum import forum_page
from pitboard.local.server import listen, make_local_app, running
from pitboard.simulator import CATEGORIES, Population, Simulator
from pitboard.stores.index_builder import IndexBuilder
from pitboard.telemetry import PrometheusTelemetry

ROOT = Path(__file__).parents[2]
SHOTS = ROOT / "build" / "shots"

# How the build writes a shadow root's mode, as in addon/test/support/browser.mjs.
CLOSED, OPEN = 'mode:"closed"', 'mode:"open"'

pytestmark = [pytest.mark.browser, pytest.mark.xdist_group("browser")]


@pytest.fixture(scope="session")
def extension(tmp_path_factory):
    """The unpacked Chromium extension, built now if it has not been; its shadow roots are open."""
    built = ROOT / "addon" / "dist" / "chromium"
    if not (built / "manifest.json").exists():
        npm = needs.program("npm", needs.NODE)
        if not (ROOT / "addon" / "node_modules").exists():
            subprocess.run([str(npm), "ci", "--no-audit", "--no-fund"], cwd=ROOT / "addon", check=True)
        subprocess.run([str(npm), "run", "build", "--silent"], cwd=ROOT / "addon", check=True)
    folder = tmp_path_factory.mktemp("extension") / "chromium"
    shutil.copytree(built, folder)
    opened = 0
    for script in folder.rglob("*.js"):
        source = script.read_text("utf-8")
        opened += source.count(CLOSED)
        script.write_text(source.replace(CLOSED, OPEN), "utf-8")
    assert opened, f"no script of {built} makes a closed shadow root"
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
    """Sets the addon's backend, as its options page does, and puts all categories on the line."""
    worker = (
        context.service_workers[0] if context.service_workers else context.wait_for_event("serviceworker")
    )
    options = {"backend": url, "pinned": [category.key for category in CATEGORIES]}
    worker.evaluate("options => chrome.storage.sync.set({ options })", options)


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_thirty_posts_by_twenty_authors_nobody_knows_are_two_requests_and_all_the_right_people(
    chromium, extension, backend, tmp_path, scheme
):
    drivers = backend.drivers(20, seed=7)
    page_html = forum_page([driver.display_name for driver in drivers], scripts=False)
    styles = ROOT / "src" / "pitboard" / "local" / "static"
    asked, pending = requests_of(backend), pending_of(backend)
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
    # The first asks for who is known and waits for nobody, the second for those who have to be looked up. On
    # a busy machine the second may bring some only, and the others are asked for again.
    requests, left = requests_of(backend) - asked, pending_of(backend) - pending
    assert requests == 2 or left > len(drivers)


def requests_of(backend):
    """How often GET /drivers was asked so far, as the server itself counts it."""
    return counted(backend, 'pitboard_requests_total{route="/drivers"')


def pending_of(backend):
    """How many names were answered as pending so far."""
    return counted(backend, 'pitboard_names_total{state="pending"}')


def counted(backend, metric):
    import urllib3

    text = urllib3.request("GET", f"{backend.base_url}/metrics").data.decode()
    return sum(float(line.rsplit(" ", 1)[1]) for line in text.splitlines() if line.startswith(metric))


# --- authors whom only the driver index knows


@dataclass
class Watched:
    """A server, and what it was asked on /drivers: names and the other parameters, in their order."""

    app: Any
    asked: list[tuple[list[str], dict[str, str]]] = field(default_factory=list)

    async def __call__(self, scope, receive, send):
        if scope["type"] == "http" and scope["path"] == "/drivers":
            query = {key: value[0] for key, value in parse_qs(scope["query_string"].decode()).items()}
            self.asked.append((query.pop("names").split(","), query))
        await self.app(scope, receive, send)


@dataclass(frozen=True)
class Site:
    """A running server whose index has all invented drivers; nobody is in its store."""

    url: str
    simulator: Simulator
    home: Any
    asked: list[tuple[list[str], dict[str, str]]]

    def authors(self, count):
        """Names of drivers who are in the index."""
        population = self.simulator.population
        listed = {cust_id for category in CATEGORIES for cust_id in population.ranking(category)}
        drivers = [driver for driver in population.sample(count * 3, seed=7) if driver.cust_id in listed]
        return [driver.display_name for driver in drivers[:count]]


@pytest.fixture
def site(tmp_path):
    with (
        Simulator(Population(size=2_000), latency=0.02, link_latency=0.01) as simulator,
        local_home(simulator, tmp_path) as home,
        listen("127.0.0.1", 0) as door,
    ):
        home.sign_in()
        with IndexBuilder(home.settings.db) as builder:
            refresh(DriverLists(home.upstream), builder)
        simulator.calls.clear()
        app = Watched(make_local_app(home, PrometheusTelemetry(), []))
        with running(app, [door]):
            yield Site(f"http://127.0.0.1:{door.getsockname()[1]}", simulator, home, app.asked)


@contextmanager
def discussion(chromium, extension, tmp_path, site, authors):
    """The page of a discussion by these authors, opened in Chromium with the extension."""
    html = forum_page(authors, scripts=False)
    styles = ROOT / "src" / "pitboard" / "local" / "static"
    with (
        forum(tmp_path, lambda path: html if path.startswith("/discussion") else None, styles) as port,
        browser(chromium, extension, tmp_path / "profile", port) as context,
    ):
        point_at(context, site.url)
        page = context.new_page()
        page.goto(f"https://{HOST}/discussion/90001/who-was-in-that-race")
        yield page


def in_state(page, state):
    return page.locator(f'.Item-Header pitboard-stats[data-state="{state}"]')


def scroll_through(page):
    for post in page.locator(".Item").all():
        post.scroll_into_view_if_needed()


def test_authors_of_the_index_are_on_screen_while_iracing_hangs(chromium, extension, site, tmp_path):
    site.simulator.faults.add("hang", times=99)
    authors = site.authors(20)
    with discussion(chromium, extension, tmp_path, site, authors) as page:
        scroll_through(page)
        expect(in_state(page, "index")).to_have_count(30)
        names, query = site.asked[0]
        assert (sorted(names), query) == (sorted(authors), {"profile": "0", "wait": "0"})
        for post in page.locator(".Item").all():
            (licences,) = [
                value["member_info"]["licenses"]
                for value in json.loads(
                    site.home.service.page([post.locator(".Author a").inner_text()], 0.0).body
                ).values()
            ]
            for licence in licences:
                expect(post.locator(".Item-Header pitboard-stats")).to_contain_text(
                    f"{licence['safety_rating']:.2f}"
                )
    assert not [call for call in site.simulator.calls if call.status]


def test_authors_of_the_index_become_fresh_with_one_more_request_and_one_call(
    chromium, extension, site, tmp_path
):
    authors = site.authors(20)
    with discussion(chromium, extension, tmp_path, site, authors) as page:
        scroll_through(page)
        expect(in_state(page, "fresh")).to_have_count(30)
        assert [(len(names), query) for names, query in site.asked] == [
            (20, {"profile": "0", "wait": "0"}),
            (20, {"profile": "0"}),
        ]
    calls = site.simulator.calls
    assert (calls.count("member/get"), calls.count("member/profile"), calls.count("lookup/drivers")) == (
        1,
        0,
        0,
    )


def test_a_profile_is_asked_for_when_the_card_of_its_driver_opens(chromium, extension, site, tmp_path):
    authors = site.authors(20)
    with discussion(chromium, extension, tmp_path, site, authors) as page:
        expect(in_state(page, "index").first).to_be_visible()
        assert site.simulator.calls.count("member/profile") == 0
        post = page.locator(".Item").first
        name = post.locator(".Author a").inner_text()
        post.locator(".Item-Header pitboard-stats .open").click()
        card = page.locator("pitboard-card .card")
        expect(card.locator(".chip").first).to_be_visible()
        expect(card).not_to_contain_text("The profile is loading")
        assert ([name], {}) in site.asked
    assert site.simulator.calls.count("member/profile") == 1


def test_with_the_budget_spent_one_unknown_author_keeps_nobody_waiting(chromium, extension, site, tmp_path):
    site.home.meter.rate_limited({"Retry-After": "60"})
    known, stranger = site.authors(19), "Nobody Knows"
    with discussion(chromium, extension, tmp_path, site, [*known, stranger]) as page:
        scroll_through(page)
        expect(in_state(page, "pending").first).to_be_visible()
        pending = {host.get_attribute("data-name") for host in in_state(page, "pending").all()}
        assert pending == {stranger}
        expect(in_state(page, "index")).to_have_count(30 - in_state(page, "pending").count())
        assert [query for _, query in site.asked[:2]] == [{"profile": "0", "wait": "0"}, {"profile": "0"}]
        assert site.asked[1][0] == [stranger]
    assert site.simulator.calls.count(service="data") == 0
