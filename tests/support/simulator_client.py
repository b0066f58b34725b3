"""A plain client for the simulator's own tests: it sends exactly what a test says."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any
from urllib.parse import urlencode

import urllib3

from pitboard.simulator import Client, Simulator
from pitboard.simulator.oauth import masked

FORM = "application/x-www-form-urlencoded"


class PlainClient:
    """Talks to one simulator. Connections are kept and nothing is retried."""

    def __init__(self, simulator: Simulator) -> None:
        self.simulator = simulator
        self._pool = urllib3.PoolManager(maxsize=64, retries=False)
        self._token = ""

    def close(self) -> None:
        self._pool.clear()

    def request(self, method: str, url: str, **options: Any) -> urllib3.BaseHTTPResponse:
        options.setdefault("timeout", 5)
        return self._pool.request(method, url, redirect=False, **options)

    def token_call(
        self, form: dict[str, str] | str, method: str = "POST", content_type: str = FORM
    ) -> urllib3.BaseHTTPResponse:
        body = form if isinstance(form, str) else urlencode(form)
        return self.request(
            method, self.simulator.oauth_url, body=body, headers={"Content-Type": content_type}
        )

    def login(self, **changes: str) -> urllib3.BaseHTTPResponse:
        return self.token_call(login_form(self.simulator.client) | changes)

    def refresh(self, refresh_token: str) -> urllib3.BaseHTTPResponse:
        form = login_form(self.simulator.client)
        kept = {key: form[key] for key in ("client_id", "client_secret")}
        return self.token_call(kept | {"grant_type": "refresh_token", "refresh_token": refresh_token})

    def bearer(self) -> dict[str, str]:
        """The Authorization header, from one login."""
        if not self._token:
            self._token = self.login().json()["access_token"]
        return {"Authorization": f"Bearer {self._token}"}

    def api(self, endpoint: str, headers: dict[str, str] | None = None, **arguments: Any) -> Any:
        """One Data API call, the link not followed."""
        url = f"{self.simulator.data_url}/data/{endpoint}?{urlencode(arguments)}"
        return self.request("GET", url, headers=self.bearer() if headers is None else headers)

    def link(self, endpoint: str, **arguments: Any) -> str:
        """The link that a call gives."""
        answer = self.api(endpoint, **arguments)
        assert answer.status == 200, answer.data
        return str(answer.json()["link"])

    def get(self, endpoint: str, **arguments: Any) -> Any:
        """What the link of a call leads to."""
        answer = self.request("GET", self.link(endpoint, **arguments))
        assert answer.status == 200, answer.data
        return answer.json()


def login_form(client: Client) -> dict[str, str]:
    """The right form for a password grant."""
    return {
        "grant_type": "password_limited",
        "client_id": client.id,
        "client_secret": masked(client.secret, client.id),
        "username": client.username,
        "password": masked(client.password, client.username),
        "scope": "iracing.auth",
    }


@contextmanager
def plain_client(**options: Any) -> Iterator[PlainClient]:
    """A fast simulator and a client for it. `options` go to the simulator."""
    with Simulator(**{"latency": 0.0, "link_latency": 0.0} | options) as simulator:
        client = PlainClient(simulator)
        try:
            yield client
        finally:
            client.close()
