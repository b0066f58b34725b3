"""The log of calls that the simulator has received. It holds no secrets."""

from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import dataclass


@dataclass(slots=True)
class Call:
    """One call. `service` is `oauth`, `data` or `assets`.

    `endpoint` is `token`, a Data API method such as `member/get`, or `link:member/get` for a link that
    method gave. `bearer` says whether there was an Authorization header. `status` is 0 until there is an
    answer, and stays 0 if there never is one. `at` is Unix seconds by the simulator's clock.
    """

    at: float
    service: str
    endpoint: str
    method: str
    parameters: Mapping[str, str]
    bearer: bool
    status: int = 0


class Calls:
    """All calls since the start or the last `clear`, oldest first. May be read from any thread."""

    def __init__(self) -> None:
        self._calls: list[Call] = []

    def __iter__(self) -> Iterator[Call]:
        return iter(list(self._calls))

    def __len__(self) -> int:
        return len(self._calls)

    def add(self, call: Call) -> None:
        """Notes a call as it comes in."""
        self._calls.append(call)

    def clear(self) -> None:
        """Forgets all calls."""
        self._calls = []

    def select(
        self, endpoint: str | None = None, *, service: str | None = None, status: int | None = None
    ) -> list[Call]:
        """The calls to which everything that is given applies."""
        return [
            call
            for call in self
            if endpoint in (None, call.endpoint)
            and service in (None, call.service)
            and status in (None, call.status)
        ]

    def count(
        self, endpoint: str | None = None, *, service: str | None = None, status: int | None = None
    ) -> int:
        """How many calls `select` finds. `count(service="data")` are the calls that the rate limit counts."""
        return len(self.select(endpoint, service=service, status=status))

    def by_endpoint(self) -> dict[str, int]:
        """How many calls each endpoint has had."""
        return dict(Counter(call.endpoint for call in self))
