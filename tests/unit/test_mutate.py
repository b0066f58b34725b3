"""scripts/mutate.py: every module has tests, and a room's part of the document is its own."""

import re
from pathlib import Path

import pytest
from scripts import mutate

ROOT = Path(__file__).resolve().parents[2]

DIFF = """--- mutation diff ---
--- asrc/x.py
+++ bsrc/x.py
@@ -10,7 +10,7 @@
     a
     b
     c
-    return now > until
+    return now >= until
     d
"""

SURVIVOR = "- `x.py`: `return now > until` became `return now >= until` → "


def change(occurrence: int = 0, *, survived: bool) -> mutate.Change:
    return mutate.Change("job", "src/pitboard/stores/x.py", "operator", occurrence, 13, 4, DIFF, survived)


@pytest.fixture
def document(tmp_path, monkeypatch) -> Path:
    path = tmp_path / "MUTATION.md"
    path.write_text(mutate.DOC.read_text("utf-8"), "utf-8")
    monkeypatch.setattr(mutate, "DOC", path)
    return path


def test_every_module_of_the_rooms_has_tests_that_exist():
    modules = {
        f"{room}/{path.name}"
        for room in mutate.ROOMS
        for path in (ROOT / "src" / "pitboard" / room).glob("*.py")
        if path.name != "__init__.py"
    }
    assert mutate.tests_of().keys() == modules
    for module, tests in mutate.tests_of().items():
        assert tests, module
        for test in tests:
            assert (ROOT / test.partition("::")[0]).is_file(), test


def test_a_room_s_result_replaces_the_older_one_and_leaves_those_of_other_rooms(document):
    others = [mutate.DOC.read_text("utf-8").partition("## stores")[0]]
    mutate.note("stores", 0, 50, [change(survived=True), change(1, survived=False)], again=False)
    text = document.read_text("utf-8")
    assert "`stores`: 1 of 2 noticed, 50 %, of 50 possible, on 20" in text
    assert f"{SURVIVOR}not looked at\n" in text
    mutate.note("stores", 0, 60, [change(survived=False)], again=False)
    text = document.read_text("utf-8")
    assert "1 of 1 noticed, 100 %, of 60 possible" in text
    assert "50 possible" not in text
    assert SURVIVOR not in text
    assert text.startswith(others[0])


def test_what_was_written_about_a_survivor_is_kept(document):
    mutate.note("stores", 0, 50, [change(survived=True)], again=False)
    looked_at = document.read_text("utf-8").replace("not looked at", "changes nothing")
    document.write_text(looked_at, "utf-8")
    mutate.note("stores", 0, 50, [change(survived=True)], again=True)
    assert f"{SURVIVOR}changes nothing\n" in document.read_text("utf-8")


def test_the_first_score_stays_beside_the_one_with_the_tests_that_were_written_for_its_survivors(document):
    alive, noticed = change(survived=True), change(1, survived=False)
    mutate.note("stores", 0, 50, [alive, noticed], again=False)
    for _ in range(2):
        said = mutate.note("stores", 0, 50, [change(survived=False), noticed], again=True)
        told = "`stores`: 1 of 2 noticed, 50 % at first; with tests added since 2 of 2 noticed, 100 %, of 50"
        assert said.startswith(told)
        assert said in document.read_text("utf-8")
    assert mutate.note("stores", 0, 50, [alive], again=False).startswith("`stores`: 0 of 1 noticed, 0 %, of")


def test_a_score_of_other_code_does_not_stand_beside_the_one_of_today(document, capsys):
    """Also when a run on today's code was broken off and goes on: the score in the document is older."""
    mutate.note("stores", 0, 50, [change(survived=True)], again=False, sample="before")
    said = mutate.note("stores", 0, 50, [change(survived=False)], again=True, sample="after")
    assert said.startswith("`stores`: 1 of 1 noticed, 100 %, of 50 possible")
    assert "at first" not in document.read_text("utf-8").partition("## stores")[2]
    assert "another sample" in capsys.readouterr().out
    mutate.note("stores", 0, 50, [change(survived=True)], again=False, sample="after")
    assert "0 of 1 noticed, 0 % at first" in mutate.note(
        "stores", 0, 50, [change(survived=False)], again=True, sample="after"
    )


def test_a_sample_has_another_mark_when_the_code_or_its_size_is_another():
    one = {"job 1": ("place 1", "code 1"), "job 2": ("place 2", "code 1")}
    renamed = {"job 7": ("place 2", "code 1"), "job 8": ("place 1", "code 1")}
    assert mutate.mark(one) == mutate.mark(renamed), "cosmic-ray names its jobs anew each time"
    assert mutate.mark(one) != mutate.mark({**one, "job 1": ("place 1", "code 2")})
    assert mutate.mark(one) != mutate.mark({"job 1": ("place 1", "code 1")})


def test_another_seed_draws_another_sample_with_a_part_of_its_own(document):
    changes = [change(number, survived=False) for number in range(9)]
    one, other = (sorted(changes, key=lambda change: change.place(seed)) for seed in (0, 2))
    assert one != other
    before = document.read_text("utf-8")
    mutate.note("drivers", 2, 50, [change(survived=True)], again=False)
    after = document.read_text("utf-8")
    assert "<!-- drivers, seed 2 -->\n`drivers`: 0 of 1 noticed" in after
    assert after.partition("<!-- drivers, seed 2 -->")[0] == before.partition("<!-- drivers, seed 2 -->")[0]


def test_every_survivor_in_the_document_was_looked_at():
    text = mutate.DOC.read_text("utf-8")
    assert re.findall(r"^<!-- (\w+) -->$", text, re.M) == list(mutate.ROOMS)
    assert "not looked at" not in text


def test_changes_of_log_lines_and_of_dataclass_arguments_are_not_tried(tmp_path):
    module = tmp_path / "module.py"
    module.write_text(
        "@dataclass(frozen=True)\nclass A: ...\n\nlog.info(\n    '%d', 1 + 1,\n)\nx = 1 + 1\n", "utf-8"
    )
    quiet = set(mutate.unpromised(module))
    assert {(1, 18), (5, 10), (5, 12)} <= quiet
    assert not [place for place in quiet if place[0] in (2, 7)]


def test_a_sample_is_the_same_each_time_and_a_smaller_one_is_part_of_it():
    places = sorted(change(number, survived=False).place(2) for number in range(9))
    assert places == sorted(change(number, survived=True).place(2) for number in reversed(range(9)))
    assert len(set(places)) == 9
