"""Versioned documents in memory, for tests of what is made of them."""

import json
from collections.abc import Mapping
from typing import Any

from pitboard.drivers.model import Document


class MemoryDocuments:
    """`ports.Documents` of one process; values go through JSON, as everywhere."""

    def __init__(self) -> None:
        self._held: dict[str, tuple[str, int]] = {}

    def get(self, key: str) -> Document | None:
        held = self._held.get(key)
        return Document(json.loads(held[0]), held[1]) if held else None

    def put(self, key: str, value: Mapping[str, Any], *, expected: int | None) -> bool:
        held = self._held.get(key)
        if expected != (held[1] if held else None):
            return False
        self._held[key] = json.dumps(value), (expected or 0) + 1
        return True
