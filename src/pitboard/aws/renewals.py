"""Renewals by a queue: pages send the names that are due, and one invocation renews those of many pages."""

import json
import logging
import threading
import time
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from botocore.exceptions import BotoCoreError, ClientError

from pitboard.drivers.errors import StoreError
from pitboard.drivers.renewal_pool import RenewalPool
from pitboard.drivers.service import BACKGROUND_SECONDS, MOST_NAMES, DriverService

SENT_AGAIN_AFTER = 60.0
"""Seconds before a name is sent again. A renewal takes no longer."""

SPARE = 5.0
"""Seconds that a function keeps for its end."""

log = logging.getLogger(__name__)


class QueueRenewals:
    """`ports.RenewalQueue` on an SQS queue. Safe for threads.

    `client` returns the SQS client and is not called before it is needed; `queue` is the queue's URL. A
    function is frozen after its answer, so it sends the names before it answers. Names that were sent in the
    last `SENT_AGAIN_AFTER` seconds are left out.
    """

    def __init__(
        self, client: Callable[[], Any], queue: str, clock: Callable[[], float] = time.monotonic
    ) -> None:
        self._client = client
        self._queue = queue
        self._clock = clock
        self._lock = threading.Lock()
        self._sent: dict[str, float] = {}

    def enqueue(self, names: Sequence[str], *, profiles: bool = False, soon: bool = False) -> None:  # noqa: ARG002 - the queue has one window
        fresh = self._not_lately(names)
        if not fresh:
            return
        body = json.dumps({"names": fresh, "profiles": profiles})
        try:
            self._client().send_message(QueueUrl=self._queue, MessageBody=body)
        except (ClientError, BotoCoreError) as error:
            log.warning("A renewal of %d names could not be sent (%s).", len(fresh), type(error).__name__)

    def _not_lately(self, names: Sequence[str]) -> list[str]:
        now = self._clock()
        with self._lock:
            self._sent = {name: at for name, at in self._sent.items() if now - at < SENT_AGAIN_AFTER}
            fresh = [name for name in dict.fromkeys(names) if name not in self._sent]
            self._sent |= dict.fromkeys(fresh, now)
        return fresh


def renew(service: DriverService, records: Sequence[Mapping[str, Any]], seconds: float) -> dict[str, Any]:
    """Renews the names of an SQS event's messages, those of most messages first, 50 to a call.

    `seconds` is how long the invocation may go on. When the store fails, the answer says that the messages
    whose names were not renewed are to come again. What iRacing did not answer, and what there was no time
    for, does not come again: whoever looks at the driver next asks for it anyway.
    """
    end = time.monotonic() + seconds - SPARE - BACKGROUND_SECONDS
    pool, messages = RenewalPool(), dict[str, list[str]]()
    for record in records:
        names, profiles = _read(record)
        messages[record["messageId"]] = names
        pool.add(names, 0.0, profiles=profiles)
    done, failed = set[str](), False
    while (due := pool.take(0.0)) and not failed:
        try:
            service.renew(list(due), {name for name, one in due.items() if one.profile})
            done |= due.keys()
        except StoreError as error:
            log.error("renewals come again later: %s", error)  # noqa: TRY400 - a sentence, not a defect
            failed = True
        if time.monotonic() > end:
            log.info("there was no time for %d names", len(pool))
            break
    again = [message for message, names in messages.items() if failed and not done.issuperset(names)]
    return {"batchItemFailures": [{"itemIdentifier": message} for message in again]}


def _read(record: Mapping[str, Any]) -> tuple[list[str], bool]:
    """A message's names, and whether their profiles are wanted. One that cannot be read would not be better
    the next time, so it has none."""
    try:
        body = json.loads(record["body"])
        names, profiles = [name for name in body["names"] if isinstance(name, str)], bool(body["profiles"])
    except (ValueError, LookupError, TypeError):
        log.error("A message in the queue of renewals cannot be read.")  # noqa: TRY400 - it may hold names
        return [], False
    return names[:MOST_NAMES], profiles
