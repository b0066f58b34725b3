"""`python -m pitboard.local.index_job`: one refresh of the driver index, as a child of `pitboard serve`.

A process of its own: its work takes nothing from the threads that serve readers, and its memory goes back
when it ends. Log lines go to standard error as JSON; the last line of standard output is a JSON object, what
the refresh brought or `{"error": sentence}`. It ends when its standard input does, so that it never
outlives `serve`. Settings and credentials come from where `serve` has them from, never by argument.
"""

import json
import logging
import os
import signal
import sys
import threading
from contextlib import suppress
from dataclasses import fields

from pitboard.drivers.errors import StoreError, UpstreamError
from pitboard.drivers.refresh import IndexRefusedError
from pitboard.iracing.credentials import Credentials
from pitboard.local.credentials import find
from pitboard.local.index_refresh import refresh_index
from pitboard.local.remedies import worded
from pitboard.settings import Settings, UsageError
from pitboard.telemetry import configure_logging, hide

NICENESS = 19

log = logging.getLogger("pitboard.local.index_job")


def main() -> int:
    """Exit code 0: every list is new; 1: something could not be had."""
    threading.Thread(target=_end_with_parent, daemon=True, name="pitboard-parent").start()
    if sys.platform != "win32":  # There the parent starts it with a lower priority.
        with suppress(OSError):
            os.nice(NICENESS)
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl+C is the parent's, which then ends this process
    configure_logging("INFO")
    log.info("a refresh of the driver index has begun")
    try:
        credentials = find()
        hide(*(getattr(credentials, field.name) for field in fields(Credentials)))
        brought = refresh_index(Settings.read(), credentials)
    except (UsageError, StoreError, UpstreamError, IndexRefusedError) as error:
        print(json.dumps({"error": worded(error)}), flush=True)
        return 1
    print(json.dumps(brought.as_dict()), flush=True)
    return 0 if brought.whole else 1


def _end_with_parent() -> None:
    # not sys.stdin.read: its lock would be held at the end of the interpreter, which aborts then
    while os.read(sys.stdin.fileno(), 1024):
        pass
    os._exit(1)


if __name__ == "__main__":
    sys.exit(main())
