"""A name that the driver index knows, for checks that look somebody up."""

from typing import Any

SEEN = 25
"""Items that are looked at. Most items of the table are entries of the index."""


def known_name(client: Any, table: str) -> str:
    """The name of a driver in the table of ids, "" if there is no index yet. Raises AWS' error."""
    answer = client.scan(TableName=table, Limit=SEEN, ProjectionExpression="shown")
    return next((shown["S"] for item in answer["Items"] if "S" in (shown := item.get("shown", {}))), "")
