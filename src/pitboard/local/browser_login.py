"""The login in the browser: authorization code with PKCE, answered on loopback.

Sources: iRacing's OAuth book (authorize and token endpoint), RFC 7636 (PKCE) and RFC 8252 (native apps).
"""

import base64
import hashlib
import hmac
import os
import secrets
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, HTTPServer
from urllib.parse import parse_qs, urlencode, urlsplit

from pitboard.drivers.errors import CredentialsError, Remedy
from pitboard.iracing.oauth import SCOPE
from pitboard.settings import SETTINGS, SettingError, UsageError

SECONDS = 300.0
"""How long the member may take."""

_PAGE = """<!doctype html><html lang="en"><head><meta charset="utf-8"><title>Pitboard</title>
<meta name="viewport" content="width=device-width, initial-scale=1">
<style>:root {{ color-scheme: light dark }}
body {{ font: 16px/1.5 system-ui; max-width: 32em; margin: 15vh auto; padding: 0 1em }}
</style></head><body><h1>Pitboard</h1><p>{told}</p></body></html>"""


@dataclass(frozen=True, slots=True)
class Attempt:
    """One login. `verifier` and `state` are secrets of this attempt."""

    authorize_url: str
    client_id: str
    redirect_uri: str
    verifier: str = field(repr=False)
    state: str = field(repr=False)

    @classmethod
    def begin(cls, token_url: str, client_id: str, redirect_uri: str) -> "Attempt":
        """A new one. The authorize endpoint lies beside the token endpoint."""
        beside = token_url.rsplit("/", 1)[0]
        return cls(
            f"{beside}/authorize",
            client_id,
            redirect_uri,
            secrets.token_urlsafe(48),
            secrets.token_urlsafe(24),
        )

    @property
    def url(self) -> str:
        """The page on which the member logs in."""
        challenge = base64.urlsafe_b64encode(hashlib.sha256(self.verifier.encode()).digest()).rstrip(b"=")
        query = {
            "client_id": self.client_id,
            "redirect_uri": self.redirect_uri,
            "response_type": "code",
            "scope": SCOPE,
            "state": self.state,
            "code_challenge": challenge.decode(),
            "code_challenge_method": "S256",
        }
        return f"{self.authorize_url}?{urlencode(query)}"

    def code(self, show: Callable[[str], object], seconds: float = SECONDS) -> str:
        """Waits for the browser to come back, and gives the code that it brings. `show` opens the page.

        What has not this attempt's state is not believed. Raises `CredentialsError` when the member or
        iRacing refused, or nobody came; `UsageError` when the redirect address cannot be listened on.
        """
        answers: list[dict[str, str]] = []
        address = urlsplit(self.redirect_uri)
        try:
            server = HTTPServer(
                (address.hostname or "", address.port or 80), self._handler(address.path, answers)
            )
        except OSError as error:
            raise UsageError(f"Cannot listen on {self.redirect_uri}: {error.strerror}.") from error
        with server:
            server.timeout = 0.5
            show(self.url)
            end = time.monotonic() + seconds
            while not answers and time.monotonic() < end:
                server.handle_request()
        answer = answers[0] if answers else {"error": "nobody came"}
        if code := answer.get("code"):
            return code
        if "error" in answer and answers:
            raise CredentialsError("The login in the browser was refused.", Remedy.LOG_IN_BROWSER)
        raise CredentialsError("Nobody has logged in in the browser.", Remedy.LOG_IN_BROWSER)

    def _handler(self, path: str, answers: list[dict[str, str]]) -> type[BaseHTTPRequestHandler]:
        expected = self.state

        class Callback(BaseHTTPRequestHandler):
            timeout = 5  # somebody who connects and says nothing keeps the member waiting no longer

            def do_GET(self) -> None:
                parts = urlsplit(self.path)
                query = _fields(parts.query)
                if parts.path != path or not hmac.compare_digest(
                    query.get("state", "").encode(), expected.encode()
                ):
                    self._answer(404, "This is not the answer to a login that has begun here.")
                    return
                answers.append(query)
                well = "You are logged in. You can close this page."
                self._answer(
                    200, well if "code" in query else "You are not logged in. You can close this page."
                )

            def _answer(self, status: int, told: str) -> None:
                body = _PAGE.format(told=told).encode()
                self.send_response(status)
                for name, value in (
                    ("Content-Type", "text/html; charset=utf-8"),
                    ("Content-Length", str(len(body))),
                    ("Cache-Control", "no-store"),
                    ("Referrer-Policy", "no-referrer"),
                ):
                    self.send_header(name, value)
                self.end_headers()
                self.wfile.write(body)

            def log_message(self, *_: object) -> None:
                """Says nothing: the code is in the address."""

        return Callback


def _fields(query: str) -> dict[str, str]:
    """The first value of each field; none of a query that is far longer than an answer of iRacing's."""
    try:
        return {name: values[0] for name, values in parse_qs(query, max_num_fields=20).items()}
    except ValueError:
        return {}


def redirect_uri() -> str:
    """PITBOARD_REDIRECT_URI. Raises `SettingError` if it is no http address of this machine with a port."""
    default = next(setting.default for setting in SETTINGS if setting.env == "PITBOARD_REDIRECT_URI")
    text = os.environ.get("PITBOARD_REDIRECT_URI") or default
    try:
        parts = urlsplit(text)
        loopback = parts.scheme == "http" and parts.hostname in ("127.0.0.1", "localhost") and parts.port
    except ValueError:
        loopback = False
    if not loopback:
        raise SettingError(
            f"PITBOARD_REDIRECT_URI is {text!r}; it must be like {default}: http, this machine, and a port."
        )
    return text
