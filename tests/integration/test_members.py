"""Members who asked to be forgotten, and a host's list: what is asked, kept and shown at home."""

import json
import logging
from contextlib import ExitStack
from urllib.parse import quote, quote_plus

import pytest
import urllib3
from tests.support.local_server import local_home
from tests.support.serving import serving
from tests.support.waiting import wait_until
from typer.testing import CliRunner

from pitboard.cli import app
from pitboard.drivers import names
from pitboard.drivers.errors import WithheldError
from pitboard.drivers.service import Asker
from pitboard.local.credentials import find
from pitboard.local.index_refresh import refresh_index
from pitboard.local.server import listen, make_local_app, running
from pitboard.simulator import CATEGORIES as SIMULATED
from pitboard.simulator import Population, Simulator
from pitboard.telemetry import PrometheusTelemetry

LICENCES = Asker("192.0.2.1", profile=False)


@pytest.fixture(autouse=True)
def logging_as_before():
    """The commands set the root logger, which all tests of this process share."""
    root = logging.getLogger()
    before = root.level, root.handlers[:]
    yield
    root.setLevel(before[0])
    root.handlers[:] = before[1]


@pytest.fixture(scope="module")
def population():
    return Population(size=1_000)


@pytest.fixture
def simulator(population):
    with Simulator(population, latency=0.002, link_latency=0.001) as simulator:
        yield simulator


@pytest.fixture
def opened(simulator, tmp_path):
    """Opens homes on one folder; an earlier one is closed, as when a host starts anew."""
    with ExitStack() as stack:

        def open_home(**changes):
            stack.close()
            return stack.enter_context(local_home(simulator, tmp_path, **changes))

        yield open_home


def raced(simulator, count):
    """Drivers who are in at least one list."""
    listed = {cust_id for category in SIMULATED for cust_id in simulator.population.ranking(category)}
    return [d for d in simulator.population.sample(count * 3, seed=1) if d.cust_id in listed][:count]


def ask(home, shown, asker=LICENCES):
    return json.loads(home.service.page(shown, 8.0, asker).body)


def codes(answer):
    return {name: value.get("code", "shown") for name, value in answer.items()}


def refresh(simulator, home):
    return refresh_index(home.settings, find(simulator.environment()))


def bytes_of_folder(folder):
    """What all files together hold; bodies of records are plain JSON."""
    return {path.name: path.read_bytes() for path in folder.rglob("*") if path.is_file()}


def files_with(folder, name):
    wanted = [name.encode(), name.lower().encode()]
    return [file for file, content in bytes_of_folder(folder).items() if any(w in content for w in wanted)]


def cli(simulator, folder, *arguments, **changes):
    environment = simulator.environment() | {"PITBOARD_DB": str(folder / "pitboard.sqlite3")} | changes
    return CliRunner().invoke(app, list(arguments), env=environment)


# --- forget


def test_a_forgotten_member_leaves_no_byte_and_is_never_asked_for_again(simulator, opened, tmp_path):
    ann, *others = raced(simulator, 5)
    home = opened()
    home.sign_in()
    refresh(simulator, home)
    shown = [driver.display_name for driver in (ann, *others)]
    ask(home, shown, Asker("192.0.2.1"))
    home.histories.history(ann.cust_id, "sports_car", "irating", 8.0)
    assert files_with(tmp_path, ann.display_name)

    done = cli(simulator, tmp_path, "forget", ann.display_name)
    assert done.exit_code == 0, done.output
    assert files_with(tmp_path, ann.display_name) == []
    assert not any(
        str(ann.cust_id).encode() in c for n, c in bytes_of_folder(tmp_path).items() if "index-" in n
    )

    simulator.calls.clear()
    wait_until(
        lambda: codes(ask(home, shown)) == {ann.display_name: "withheld"} | dict.fromkeys(shown[1:], "shown")
    )
    assert codes(ask(home, [ann.display_name.upper()])) == {ann.display_name.upper(): "withheld"}
    home.service.renew([ann.display_name])
    assert home.service.customer_id(ann.display_name, 8.0).code == "withheld"
    with pytest.raises(WithheldError):
        home.histories.history(ann.cust_id, "sports_car", "irating", 8.0)
    assert simulator.calls.count("lookup/drivers") == 0
    assert files_with(tmp_path, ann.display_name) == []


def test_a_forgotten_member_stays_away_after_a_refresh_and_a_new_database(simulator, opened, tmp_path):
    ann, bo = raced(simulator, 2)
    home = opened()
    home.sign_in()
    assert cli(simulator, tmp_path, "forget", ann.display_name).exit_code == 0
    refresh(simulator, home)
    assert files_with(tmp_path, ann.display_name) == []
    assert files_with(tmp_path, bo.display_name)
    home.close()
    (tmp_path / "pitboard.sqlite3").unlink()
    home = opened()
    assert codes(ask(home, [ann.display_name, bo.display_name])) == {
        ann.display_name: "withheld",
        bo.display_name: "shown",
    }
    # the refresh has told the customer id of a name that nobody had asked for before
    with pytest.raises(WithheldError):
        home.histories.history(ann.cust_id, "sports_car", "irating", 8.0)


def test_a_new_name_of_a_forgotten_member_is_withheld_after_one_search(simulator, opened, tmp_path):
    ann = raced(simulator, 1)[0]
    home = opened()
    home.sign_in()
    home.members.watch()
    assert cli(simulator, tmp_path, "forget", "--id", str(ann.cust_id)).exit_code == 0
    wait_until(lambda: not home.members.kept.current().all_shown)
    assert codes(ask(home, [ann.display_name])) == {ann.display_name: "withheld"}
    asked = simulator.calls.count("lookup/drivers")
    assert asked == 1
    assert codes(ask(home, [ann.display_name])) == {ann.display_name: "withheld"}
    assert simulator.calls.count("lookup/drivers") == asked
    assert simulator.calls.count("member/get") == 0
    wait_until(lambda: files_with(tmp_path, ann.display_name) == [])


def test_a_look_up_under_way_when_a_member_is_forgotten_leaves_nothing(simulator, opened, tmp_path):
    ann = raced(simulator, 1)[0]
    home = opened()
    home.sign_in()
    home.members.watch()
    begun = home.service.begin([ann.display_name], 8.0, LICENCES)
    assert cli(simulator, tmp_path, "forget", ann.display_name).exit_code == 0
    home.service.soon(begun, 8.0)
    wait_until(lambda: codes(ask(home, [ann.display_name])) == {ann.display_name: "withheld"})
    wait_until(lambda: files_with(tmp_path, ann.display_name) == [])


def test_who_agrees_again_is_shown_again(simulator, opened, tmp_path):
    ann = raced(simulator, 1)[0]
    home = opened()
    home.sign_in()
    ask(home, [ann.display_name])
    assert cli(simulator, tmp_path, "forget", ann.display_name).exit_code == 0
    wait_until(lambda: codes(ask(home, [ann.display_name])) == {ann.display_name: "withheld"})
    assert cli(simulator, tmp_path, "allow", ann.display_name).exit_code == 0
    wait_until(lambda: codes(ask(home, [ann.display_name])) == {ann.display_name: "shown"})


def test_what_members_asked_for_outlives_the_loss_of_its_file(simulator, opened, tmp_path):
    ann = raced(simulator, 1)[0]
    home = opened()
    home.sign_in()
    home.members.forget([names.parse(ann.display_name)])
    for file in tmp_path.glob("*.members.sqlite3*"):
        file.unlink()
    wait_until(lambda: (tmp_path / "pitboard.members.sqlite3").exists() or not ask(home, [ann.display_name]))
    home = opened()
    assert codes(ask(home, [ann.display_name])) == {ann.display_name: "withheld"}


def test_a_damaged_members_file_is_no_reason_to_show_anybody(simulator, opened, tmp_path):
    home = opened()
    home.members.forget([names.parse("Ann Tester")])
    home.close()
    (tmp_path / "pitboard.members.sqlite3").write_bytes(b"x" * 4096)
    refused = cli(simulator, tmp_path, "allow", "--list")
    assert refused.exit_code != 0
    assert "What members have asked for cannot be read" in str(refused.exception)


# --- a host's list


def test_with_a_list_of_three_a_page_of_twenty_asks_for_those_three_at_most(simulator, opened, tmp_path):
    page = [driver.display_name for driver in simulator.population.sample(20, seed=9)]
    done = cli(simulator, tmp_path, "allow", *page[:3])
    assert done.exit_code == 0, done.output
    home = opened(PITBOARD_AUDIENCE="listed")
    home.sign_in()
    simulator.calls.clear()
    answer = ask(home, page)
    assert codes(answer) == dict.fromkeys(page[:3], "shown") | dict.fromkeys(page[3:], "withheld")
    searched = [call.parameters["search_term"] for call in simulator.calls.select("lookup/drivers")]
    assert sorted(searched) == sorted(page[:3])
    (members,) = simulator.calls.select("member/get")
    assert len(members.parameters["cust_ids"].split(",")) == 3
    assert not any(files_with(tmp_path, name) for name in page[3:])


def test_with_a_list_the_index_has_those_on_it_and_the_ranks_of_all(simulator, opened, tmp_path):
    ann, bo, cy = raced(simulator, 3)
    home = opened()
    home.sign_in()
    refresh(simulator, home)
    ask(home, [cy.display_name])
    ranks = home.index.ranks()
    cli(simulator, tmp_path, "allow", ann.display_name, bo.display_name)
    home = opened(PITBOARD_AUDIENCE="listed")
    home.members.watch()
    wait_until(lambda: files_with(tmp_path, cy.display_name) == [])
    refresh(simulator, home)
    assert files_with(tmp_path, cy.display_name) == []
    answer = ask(home, [ann.display_name, bo.display_name, cy.display_name])
    assert codes(answer) == {ann.display_name: "shown", bo.display_name: "shown", cy.display_name: "withheld"}
    assert home.index.ranks().rank("sports_car", "", 1500) == ranks.rank("sports_car", "", 1500)
    # the refresh has told whose customer ids they are
    home.histories.history(ann.cust_id, "sports_car", "irating", 8.0)
    with pytest.raises(WithheldError):
        home.histories.history(cy.cust_id, "sports_car", "irating", 8.0)


def test_charts_are_shown_of_who_is_listed_by_name_alone(simulator, opened, tmp_path):
    ann, bo = raced(simulator, 2)
    cli(simulator, tmp_path, "allow", ann.display_name)
    home = opened(PITBOARD_AUDIENCE="listed")
    home.sign_in()
    ask(home, [ann.display_name])
    home.histories.history(ann.cust_id, "sports_car", "irating", 8.0)
    with pytest.raises(WithheldError):
        home.histories.history(bo.cust_id, "sports_car", "irating", 8.0)


def test_a_league_comes_onto_the_list_with_one_call_and_without_those_who_asked_not_to(
    simulator, opened, tmp_path, monkeypatch
):
    for name, value in simulator.environment().items():
        monkeypatch.setenv(name, value)
    roster = simulator.population.sample(30, seed=4711)
    home = opened()
    home.sign_in()
    cli(simulator, tmp_path, "forget", roster[0].display_name)
    simulator.calls.clear()
    done = cli(simulator, tmp_path, "allow", "--league", "4711", PITBOARD_AUDIENCE="listed")
    assert done.exit_code == 0, done.output
    assert "Members on the list: 30. Of those given 1 have asked not to be shown" in done.output
    assert simulator.calls.count("league/roster") == 1
    assert simulator.calls.count(service="data") == 1
    home = opened(PITBOARD_AUDIENCE="listed")
    page = [driver.display_name for driver in roster[:3]]
    assert codes(ask(home, page)) == {page[0]: "withheld", page[1]: "shown", page[2]: "shown"}


def test_a_file_replaces_the_list_and_what_was_kept_of_the_others_goes(simulator, opened, tmp_path):
    ann, bo = simulator.population.sample(2, seed=3)
    listed = {"PITBOARD_AUDIENCE": "listed"}
    cli(simulator, tmp_path, "allow", ann.display_name, bo.display_name)
    home = opened(**listed)
    home.sign_in()
    ask(home, [ann.display_name, bo.display_name])
    file = tmp_path / "members.txt"
    file.write_text(f"# the league\n\n{bo.display_name}\n", "utf-8")
    done = cli(simulator, tmp_path, "allow", "--file", str(file), "--only", **listed)
    assert done.exit_code == 0, done.output
    assert (
        cli(simulator, tmp_path, "allow", "--list", "--json").stdout
        == json.dumps([bo.display_name.lower()]) + "\n"
    )
    assert files_with(tmp_path, ann.display_name) == []


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        (("forget",), "Whom?"),
        (("forget", " "), "The name is empty."),
        (("allow",), "Whom?"),
        (("allow", "--only"), "--only goes with"),
        (("allow", "--file", "/nowhere/members.txt"), "cannot be read: No such file or directory."),
    ],
)
def test_wrong_usage_is_a_sentence(simulator, tmp_path, arguments, sentence):
    done = cli(simulator, tmp_path, *arguments)
    assert done.exit_code != 0
    assert sentence in str(done.exception) + done.output


# --- a host chooses knowingly


def test_serve_beyond_this_machine_asks_the_host_to_choose(simulator, tmp_path):
    from pitboard.local.members import check_chosen
    from pitboard.settings import Settings, UsageError

    beyond = simulator.environment() | {
        "PITBOARD_HOST": "192.0.2.7",
        "PITBOARD_ALLOWED_HOSTS": "pit.example.org",
    }
    with pytest.raises(UsageError, match="PITBOARD_AUDIENCE=listed"):
        check_chosen(Settings.read(beyond))
    for audience in ("listed", "everyone"):
        check_chosen(Settings.read(beyond | {"PITBOARD_AUDIENCE": audience}))
    check_chosen(Settings.read(simulator.environment()))


# --- the page at /members


@pytest.fixture
def self_service(opened):
    home = opened(PITBOARD_SELF_SERVICE="on")
    with listen("127.0.0.1", 0) as door, running(make_local_app(home, PrometheusTelemetry()), [door]):
        yield home, f"http://127.0.0.1:{door.getsockname()[1]}"


def post(server, name, **headers):
    with urllib3.PoolManager() as pool:
        return pool.request(
            "POST", f"{server}/members", fields={"name": name}, encode_multipart=False, headers=headers
        )


def test_a_member_takes_himself_out_on_the_page(simulator, self_service, tmp_path):
    home, server = self_service
    ann = raced(simulator, 1)[0]
    home.sign_in()
    ask(home, [ann.display_name])
    answer = post(server, ann.display_name, Origin=server)
    assert answer.status == 200
    assert "is not shown here any more" in " ".join(answer.data.decode().split())
    assert codes(ask(home, [ann.display_name])) == {ann.display_name: "withheld"}
    wait_until(lambda: files_with(tmp_path, ann.display_name) == [])


def test_another_sites_page_cannot_use_the_form(simulator, self_service):
    home, server = self_service
    assert post(server, "Ann Tester", Origin="https://evil.example").status == 403
    assert home.members.kept.current().all_shown


def test_a_form_with_other_fields_is_refused_and_is_no_defect(self_service):
    home, server = self_service
    fields = {f"field{n}": "x" for n in range(20)}
    with urllib3.PoolManager() as pool:
        answer = pool.request("POST", f"{server}/members", fields=fields, encode_multipart=False)
    assert answer.status == 400
    assert home.members.kept.current().all_shown


def test_the_page_takes_few_requests_a_day(self_service):
    _, server = self_service
    assert [post(server, f"Ann Tester{n}").status for n in range(7)] == [200] * 5 + [429] * 2
    assert post(server, "<b>\x00").status == 400


def test_without_the_setting_there_is_no_such_page(simulator, tmp_path):
    with serving(simulator, tmp_path / "pitboard.sqlite3") as served:
        assert served.ask("/members").status == 404


def test_a_forgotten_name_is_in_no_file_and_no_log_after_a_refresh_and_a_restore_of_an_old_backup(
    simulator, tmp_path
):
    """All of it while the server runs. The name is searched as readers, addresses and JSON write it."""
    folder, copy = tmp_path / "data", tmp_path / "copy.sqlite3"
    folder.mkdir()
    ann = raced(simulator, 1)[0]
    with serving(simulator, folder / "pitboard.sqlite3") as served:

        def left_in():
            held = bytes_of_folder(folder) | {"standard error": served.said.encode()}
            words = {quote(ann.display_name), quote_plus(ann.display_name), ann.display_name}
            words |= {json.dumps(ann.display_name)[1:-1], ann.display_name.replace(" ", r"\s")}
            wanted = [word.lower().encode() for word in words]
            return [name for name, content in held.items() if any(w in content.lower() for w in wanted)]

        def is_withheld():
            return served.driver(ann.display_name).get("code") == "withheld"

        assert cli(simulator, folder, "index", "refresh").exit_code == 0
        wait_until(lambda: served.driver(ann.display_name)["_meta"]["state"] == "fresh", 30)
        assert served.ask("/", names=ann.display_name).status == 200
        assert served.ask("/custid", name=ann.display_name).json()["custid"] == str(ann.cust_id)
        assert served.ask(f"/drivers/{ann.cust_id}/history").status == 200
        served.ask("/status")
        assert left_in()
        assert cli(simulator, folder, "backup", str(copy)).exit_code == 0

        done = cli(simulator, folder, "forget", ann.display_name)
        assert done.exit_code == 0, done.output
        wait_until(is_withheld, 30)
        assert served.ask("/custid", name=ann.display_name).status == 404
        assert served.ask(f"/drivers/{ann.cust_id}/history").json()["code"] == "withheld"
        # what the server wrote before it noticed goes behind its first answer of `withheld`
        wait_until(lambda: left_in() == [], 30)
        assert cli(simulator, folder, "index", "refresh").exit_code == 0
        assert left_in() == []
        assert ann.display_name.lower().encode() in copy.read_bytes()
        assert cli(simulator, folder, "restore", str(copy), "--yes").exit_code == 0
        wait_until(is_withheld, 30)
        wait_until(lambda: left_in() == [], 30)
        served.stop()
        assert left_in() == []
