"""docs/MEMBERS.md says how long somebody may still be shown who has asked not to be: as the code has it."""

import re
from pathlib import Path

import pytest
from infra.config import environment

from pitboard.drivers.page import MAX_AGE
from pitboard.http.routes import cached
from pitboard.local.members_page import page

ROOT = Path(__file__).parents[2]
DOCUMENT = (ROOT / "docs/MEMBERS.md").read_text("utf-8")
SECTION = DOCUMENT.partition("### How long others may still show it")[2]
ADDON = (ROOT / "addon/src/core/backend.ts").read_text("utf-8")


def of_the_addon(constant: str) -> int:
    """The first number of a constant of the addon."""
    found = re.search(rf"const {constant} = (\d+) \* ", ADDON)
    assert found, constant
    return int(found[1])


BROWSER, GATEWAY = MAX_AGE // 60, environment("prod").cache_seconds // 60
SESSION, KEPT = of_the_addon("DRIVER_TTL"), of_the_addon("KEPT_TTL")


@pytest.mark.parametrize(
    "said",
    [
        f"by the answers' `Cache-Control` | {BROWSER} minutes, also when",
        f"no lists of names | {GATEWAY} minutes more |",
        f"the addon, while the browser is open | {SESSION} minutes more |",
        f"marked as that | {KEPT} days, or",
        f"up to {BROWSER + SESSION} minutes; with the gateway's cache {BROWSER + SESSION + GATEWAY} minutes",
    ],
)
def test_the_document_says_how_long_each_copy_lasts(said):
    assert said in re.sub(r"\s+", " ", SECTION)


def test_the_page_for_members_says_the_same():
    assert f"for up to {BROWSER + SESSION} minutes." in page(done="Ann Tester")


def test_no_cache_may_show_an_answer_after_its_time():
    assert cached(120) == "public, max-age=120, must-revalidate"
    assert cached(0) == "no-cache"
