"""docs/FAULTS.md: its tables are put there by the commands that make them."""

import re
from pathlib import Path

PATH = Path(__file__).resolve().parents[2] / "docs" / "FAULTS.md"


def write(name: str, text: str) -> None:
    """Puts a text between `<!-- table: NAME -->` and `<!-- end -->`."""
    PATH.write_text(replaced(PATH.read_text("utf-8"), name, text), "utf-8")


def replaced(document: str, name: str, text: str) -> str:
    """The document with another text there. Raises `ValueError` when there is no such place."""
    made, count = re.subn(
        rf"(<!-- table: {name} -->\n).*?(<!-- end -->)",
        lambda place: f"{place[1]}{text.rstrip()}\n{place[2]}",
        document,
        flags=re.S,
    )
    if count != 1:
        raise ValueError(f"the document has {count} places for {name}")
    return made


def read(name: str) -> str:
    """What is there now."""
    found = re.search(rf"<!-- table: {name} -->\n(.*?)<!-- end -->", PATH.read_text("utf-8"), re.S)
    assert found, f"{PATH.name} has no place for {name}"
    return found[1]
