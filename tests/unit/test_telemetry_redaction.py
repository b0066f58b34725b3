"""Nothing secret reaches a log line, in whatever shape it arrives."""

import base64
import hashlib
import html
import io
import json
import logging
import time
import urllib.parse
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from pitboard.telemetry.logs import ConsoleFormatter, JsonFormatter
from pitboard.telemetry.redact import REDACTED, Redactor, mask_secret

SECRET = 'Sup3r "se/cret"+ pa\\ss & größe'


def json_text(text: str) -> str:
    return json.dumps({"value": text})


SHAPES: dict[str, Callable[[str], str]] = {
    "plain": str,
    "in a sentence": "cannot log in with {} today".format,
    "form": lambda s: urllib.parse.urlencode({"f": s, "grant_type": "x"}),
    "percent": lambda s: urllib.parse.quote(s, safe="", errors="surrogatepass"),
    "percent, slash kept": lambda s: urllib.parse.quote(s, errors="surrogatepass"),
    "percent, lower case": lambda s: urllib.parse.quote(s, safe="").lower() if s.lower() == s else s,
    "percent twice": lambda s: urllib.parse.quote(urllib.parse.quote(s, safe="")),
    "JSON": json_text,
    "JSON in UTF-8": lambda s: json.dumps({"value": s}, ensure_ascii=False),
    "JSON in JSON": lambda s: json_text(json_text(s)),
    "repr": repr,
    "repr of a list": lambda s: repr([s]),
    "ascii": ascii,
    "repr of bytes": lambda s: repr(s.encode()),
    "HTML": html.escape,
    "base64": lambda s: base64.b64encode(s.encode()).decode(),
    "base64 behind a name": lambda s: "Basic " + base64.b64encode(f"client:{s}".encode()).decode(),
    "base64 among others": lambda s: base64.b64encode(f"ab{s}cd".encode()).decode(),
    "base64 for URLs": lambda s: base64.urlsafe_b64encode(s.encode()).decode(),
    "URL with a user": lambda s: f"https://me:{urllib.parse.quote(s, safe='')}@example.test/",
}

PLACES: dict[str, Callable[[logging.Logger, Any], None]] = {
    "message": lambda log, s: log.info(s),
    "argument": lambda log, s: log.info("got %s", s),
    "one of the arguments": lambda log, s: log.info("got %s, %r and %d", "x", s, 3),
    "named argument": lambda log, s: log.info("got %(a)s", {"a": s}),
    "too many arguments": lambda log, s: log.info("got nothing", s),
    "wrong kind of argument": lambda log, s: log.info("got %d", s),
    "list as argument": lambda log, s: log.info("got %s", [s, {"k": s}]),
    "extra field": lambda log, s: log.info("x", extra={"field": s}),
    "nested field": lambda log, s: log.info("x", extra={"field": {"a": [{"b": (s, {s})}]}}),
    "key of a field": lambda log, s: log.info("x", extra={"field": {s: 1}}),
    "object as field": lambda log, s: log.info("x", extra={"field": Holder(s)}),
    "bytes as field": lambda log, s: log.info("x", extra={"field": s.encode()}),
    "exception": lambda log, s: raised(log, ValueError(s)),
    "exception with a cause": lambda log, s: raised(log, ValueError("outer"), KeyError(s)),
    "exception with a note": lambda log, s: raised(log, noted(s)),
}


class Holder:
    def __init__(self, secret: str) -> None:
        self.secret = secret

    def __str__(self) -> str:
        return f"<Holder {self.secret}>"


def noted(text: str) -> ValueError:
    error = ValueError("noted")
    error.add_note(text)
    return error


def raised(log: logging.Logger, error: Exception, cause: Exception | None = None) -> None:
    try:
        raise error from cause
    except ValueError:
        log.exception("trouble")


def written(secrets: Redactor, log_it: Callable[[logging.Logger], None]) -> str:
    """What both formatters write, one after the other; the JSON is decoded, too."""
    stream = io.StringIO()
    log = logging.Logger("flood")  # noqa: LOG001 - not in logging's registry: nothing is left behind
    for formatter in (JsonFormatter(secrets), ConsoleFormatter(secrets)):
        handler = logging.StreamHandler(stream)
        handler.setFormatter(formatter)
        log.addHandler(handler)
    log_it(log)
    text = stream.getvalue()
    first = text.splitlines()[0]
    return "\n".join([text, *strings(json.loads(first))])


def strings(value: Any) -> Iterator[str]:
    if isinstance(value, dict):
        for key, item in value.items():
            yield key
            yield from strings(item)
    elif isinstance(value, list):
        for item in value:
            yield from strings(item)
    else:
        yield str(value)


def betrayed(secret: str, text: str) -> bool:
    """Whether the secret can be read from the text by undoing what encoders do."""
    seen = {text}
    for _ in range(3):
        seen |= {urllib.parse.unquote_plus(t) for t in seen} | {html.unescape(t) for t in seen}
        seen |= {
            t.encode("latin-1", "replace").decode("unicode_escape", "replace") for t in seen if "\\" in t
        }
    return any(secret in t for t in seen)


@pytest.mark.parametrize("shape", SHAPES)
@pytest.mark.parametrize("place", PLACES)
def test_a_registered_secret_is_redacted(shape: str, place: str) -> None:
    secrets = Redactor()
    secrets.hide(SECRET)
    text = written(secrets, lambda log: PLACES[place](log, SHAPES[shape](SECRET)))
    assert REDACTED in text
    assert "Sup3r" not in text
    assert SHAPES[shape](SECRET) not in text


secret_texts = st.text(
    st.characters(codec="utf-8", exclude_categories=["Cs"]), min_size=6, max_size=60
).filter(lambda s: not s.isspace() and "redacted" not in s and len(set(s)) > 3)


@settings(max_examples=400, deadline=None)
@given(secret=secret_texts, shape=st.sampled_from(sorted(SHAPES)), place=st.sampled_from(sorted(PLACES)))
def test_a_flood_of_secrets_leaves_none_in_the_output(secret: str, shape: str, place: str) -> None:
    secrets = Redactor()
    secrets.hide(secret)
    shaped = SHAPES[shape](secret)
    # A secret that is itself a word of every line ("logger", "message") cannot be told from it.
    assume(secret not in written(Redactor(), lambda log: PLACES[place](log, "0")))
    text = written(secrets, lambda log: PLACES[place](log, shaped))
    assert secret not in text
    assert not betrayed(secret, text)
    if "base64" in shape:
        middle = shaped.split()[-1].strip("=")[4:-4]
        assert not middle or middle not in text


@settings(max_examples=200, deadline=None)
@given(
    token=st.from_regex(r"[A-Za-z0-9._~-]{12,60}", fullmatch=True).filter(lambda t: not t.isdigit()),
    key=st.sampled_from(
        [
            "password",
            "client_secret",
            "access_token",
            "refresh_token",
            "token",
            "authorization",
            "Cookie",
            "Set-Cookie",
            "Signature",
            "X-Amz-Signature",
            "X-Amz-Security-Token",
            "AWSAccessKeyId",
            "clientSecret",
            "PITBOARD_PASSWORD",
            "SecretString",
        ]
    ),
    form=st.sampled_from(
        [
            "{k}={v}",
            "{k}: {v}",
            '"{k}": "{v}"',
            "'{k}': '{v}'",
            "{k} = '{v}'",
            "?a=1&{k}={v}&b=2",
            '{{\\"{k}\\":\\"{v}\\"}}',
        ]
    ),
    place=st.sampled_from(sorted(PLACES)),
)
def test_the_value_of_a_secret_key_is_redacted_without_registration(
    token: str, key: str, form: str, place: str
) -> None:
    text = written(Redactor(), lambda log: PLACES[place](log, form.format(k=key, v=token)))
    assert token not in text


@pytest.mark.parametrize(
    "key", ["password", "Client-Secret", "refreshToken", "headers.authorization", "PITBOARD_PASSWORD"]
)
@pytest.mark.parametrize("value", ["hunter2", 12345, ["hunter2"], {"deep": "hunter2"}, b"hunter2"])
def test_any_value_of_a_secret_field_is_redacted(key: str, value: Any) -> None:
    assert Redactor().value({"a": [{key: value}]}) == {"a": [{key: REDACTED}]}


def test_harmless_text_stays() -> None:
    fields = {
        "token_type": "Bearer",
        "expires_in": 600,
        "token_age_seconds": 3.5,
        "token": None,
        "signature": True,
    }
    assert Redactor().value(fields) == fields
    line = "token_type: Bearer, refresh_token=None, 3 password logins left, secret iRacing/OAuth/Credentials"
    assert Redactor().text(line) == line


@pytest.mark.parametrize(
    ("text", "secret"),
    [
        ("GET with Bearer abcdefgh.ijkl", "abcdefgh"),
        ("got eyJhbGciOiJSUzI1NiJ9.eyJzdWIiOiIxIn0.c2lnbmF0dXJl back", "eyJ"),
        ("as AKIAIOSFODNN7EXAMPLE in eu-west-1", "AKIA"),
        ("https://me:hunter2@example.test/x", "hunter2"),
        ("Cookie: sid=hunter2; theme=dark", "hunter2"),
        ("https://s3.example.test/x.json?AWSAccessKeyId=k3y&Signature=s1gn%2Fed%3D&Expires=9", "s1gn"),
        ("https://s3.example.test/x.json?X-Amz-Credential=k3y%2F2026&X-Amz-Signature=s1gned", "s1gned"),
        ("redirect=https%3A%2F%2Fx%3Ftoken%3Dhunter2%26a%3D1", "hunter2"),
    ],
)
def test_text_with_the_pattern_of_a_secret_is_redacted(text: str, secret: str) -> None:
    clean = Redactor().text(text)
    assert secret not in clean
    assert REDACTED in clean


def test_a_second_redaction_changes_nothing() -> None:
    secrets = Redactor()
    secrets.hide("hunter22")
    once = secrets.text(
        "password=hunter22 Authorization: Bearer hunter22 token: 'hunter22' x?Signature=1&a=2"
    )
    assert secrets.text(once) == once


def test_masked_as_the_guide_shows() -> None:
    assert mask_secret("abcdefgh") == "ab****gh"
    assert mask_secret("abcd") == "****"
    assert mask_secret("") == ""


def test_the_masked_form_that_is_sent_is_a_value_of_its_own() -> None:
    masked = base64.b64encode(hashlib.sha256(b"hunter2me").digest()).decode()
    secrets = Redactor()
    secrets.hide("hunter2", masked)
    form = urllib.parse.urlencode({"a": masked})
    assert masked[:10] not in secrets.text(f"sent {masked} as {form}")


@pytest.mark.parametrize(
    "hostile", ["\\" * 3000, 'password="' * 500, "token=" * 3000, "%25" * 3000, "eyJ" * 3000 + "."]
)
def test_redaction_of_hostile_text_ends_soon(hostile: str) -> None:
    secrets = Redactor()
    secrets.hide("\\\\\\\\a\\\\b", "%25%25%", SECRET)
    begin = time.perf_counter()
    secrets.text(hostile)
    assert time.perf_counter() - begin < 10
