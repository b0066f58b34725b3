"""The stores' SQL, as every Python that is claimed takes it."""

import re
from pathlib import Path

STORES = Path(__file__).parents[2] / "src" / "pitboard" / "stores"


def test_no_statement_numbers_its_values():
    """For Python 3.12.0 to 3.12.3 `?1` with a sequence is a named placeholder, and a DeprecationWarning; our
    tests make that an error. Source: CPython's issue 117995, mended in 3.12.4 and 3.13."""
    modules = {path.name: path.read_text("utf-8") for path in STORES.glob("*.py")}
    assert any("VALUES (?" in text for text in modules.values()), "there are statements"
    assert [name for name, text in modules.items() if re.search(r"\?\d", text)] == []
