"""What iRacing's answers say about when to ask again, of its login service and of the Data API alike."""

import math
import time
from collections.abc import Mapping
from email.utils import parsedate_to_datetime

LONGEST_PAUSE = 3600.0
"""Longest Retry-After that is believed, in seconds: no limit of iRacing's has a longer window."""


def retry_after(headers: Mapping[str, str]) -> float | None:
    """The Retry-After header in seconds from now, from 0 to an hour; None if it is absent or unreadable."""
    text = headers.get("Retry-After", "").strip()
    try:
        seconds = float(text) if text[:1].isdigit() else parsedate_to_datetime(text).timestamp() - time.time()
    except (ValueError, TypeError, OverflowError):
        return None
    return min(max(seconds, 0.0), LONGEST_PAUSE) if math.isfinite(seconds) else None


def is_maintenance(document: object) -> bool:
    """Whether a JSON body is iRacing's maintenance answer, in its present or its older shape."""
    if not isinstance(document, dict):
        return False
    return "site maintenance" in (str(document.get(key, "")).lower() for key in ("error", "errorCode"))
