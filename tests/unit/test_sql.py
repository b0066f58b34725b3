"""The stores' SQL, as every Python that is claimed takes it."""

import re
from pathlib import Path

STORES = Path(__file__).parents[2] / "src" / "pitboard" / "stores"


def test_no_statement_numbers_its_values():
    """`?1` with a sequence is a warning in Python 3.12 and an error from 3.14 on.
    Source: sqlite3's documentation."""
    modules = {path.name: path.read_text("utf-8") for path in STORES.glob("*.py")}
    assert any("VALUES (?" in text for text in modules.values()), "there are statements"
    assert [name for name, text in modules.items() if re.search(r"\?\d", text)] == []
