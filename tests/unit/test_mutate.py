"""scripts/mutate.py: what it names exists, and its document keeps the rows of other runs."""

import re
import tomllib
from pathlib import Path

from scripts import mutate

ROOT = Path(__file__).resolve().parents[2]
TESTS = tomllib.loads((ROOT / "scripts" / "mutate.toml").read_text("utf-8"))

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


def test_the_modules_and_tests_that_it_names_exist():
    for module, tests in TESTS.items():
        assert (ROOT / "src" / "pitboard" / module).is_file(), module
        assert tests
        for test in tests:
            assert (ROOT / test).exists(), test


def test_a_survivor_is_one_line_with_what_was_changed():
    assert mutate.survivor(DIFF) == "- near line 13: `return now > until` became `return now >= until`"


def test_a_row_is_replaced_and_those_of_other_modules_stay(tmp_path, monkeypatch):
    monkeypatch.setattr(mutate, "DOC", tmp_path / "MUTATION.md")
    mutate.note(
        "b.py",
        mutate.Result("| `b.py` | 9 | 2 | 1 | 50 % | 2026-01-01 |", ("- near line 1: `x` became `y`",)),
    )
    mutate.note("a.py", mutate.Result("| `a.py` | 9 | 2 | 2 | 100 % | 2026-01-01 |", ()))
    text = mutate.DOC.read_text("utf-8")
    assert text.index("| `a.py`") < text.index("| `b.py`") < text.index("## Survivors of `b.py`")
    mutate.note("b.py", mutate.Result("| `b.py` | 9 | 2 | 2 | 100 % | 2026-01-02 |", ()))
    text = mutate.DOC.read_text("utf-8")
    assert "Survivors" not in text
    assert re.findall(r"^\| `(.+?)`", text, re.M) == ["a.py", "b.py"]
    assert "2026-01-02" in text


def test_the_document_has_rows_of_modules_that_are_there():
    rows = re.findall(r"^\| `(.+?)` \|", mutate.DOC.read_text("utf-8"), re.M) if mutate.DOC.exists() else []
    assert set(rows) <= TESTS.keys()
