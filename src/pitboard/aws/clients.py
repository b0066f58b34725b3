"""AWS clients, from botocore directly: boto3's resources and transfer manager cost start time."""

from functools import cache
from typing import Any

import botocore.session
from botocore.config import Config
from botocore.handlers import BUILTIN_HANDLERS, REGISTER_FIRST, REGISTER_LAST

from pitboard.stores.dynamodb import CLIENT_CONFIG

INVOKE_CONFIG = Config(
    connect_timeout=2, read_timeout=35, retries={"mode": "standard", "total_max_attempts": 2}
)
"""ir-auth may take as long as a refresh and a login that both time out."""

SECRETS_CONFIG = Config(
    connect_timeout=2, read_timeout=4, retries={"mode": "standard", "total_max_attempts": 3}
)

QUEUE_CONFIG = Config(
    connect_timeout=1, read_timeout=2, retries={"mode": "standard", "total_max_attempts": 2}
)
"""A reader waits while names are sent."""

PATIENT_CONFIG = CLIENT_CONFIG.merge(
    Config(read_timeout=20, retries={"mode": "standard", "total_max_attempts": 5})
)
"""For a refresh of the driver index: nobody waits, and a page of a scan may take long."""

_CONFIGS = {
    "dynamodb": CLIENT_CONFIG,
    "lambda": INVOKE_CONFIG,
    "secretsmanager": SECRETS_CONFIG,
    "sqs": QUEUE_CONFIG,
}


_EVENTS = {"", "*", "dynamodb", "lambda", "secrets-manager", "sqs"}
"""The services of `_CONFIGS` as botocore's events name them, and its two words for all services."""


@cache
def _session() -> botocore.session.Session:
    """A session with botocore's handlers for events that can come. The hundred for other services, and for
    documentation, would take 4 % of a cold start."""
    session = botocore.session.Session(include_builtin_handlers=False)
    events = session.get_component("event_emitter")
    places = {REGISTER_FIRST: events.register_first, REGISTER_LAST: events.register_last}
    for event, handle, *place in BUILTIN_HANDLERS:
        kind, _, service = event.partition(".")
        if kind != "docs" and service.split(".")[0] in _EVENTS:
            register = places[place[0]] if place else events.register
            register(event, handle)
    return session


@cache
def client(service: str, *, patient: bool = False) -> Any:
    """The client of one of four services, made once; for DynamoDB also a patient one (`PATIENT_CONFIG`).

    Region and credentials are the runtime's. It opens its connection at the first request.
    """
    return _session().create_client(service, config=PATIENT_CONFIG if patient else _CONFIGS[service])
