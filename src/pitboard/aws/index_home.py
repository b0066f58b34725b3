"""The composition root of ir-index: the lists, the table, a lease so that one refresh runs at a time, and the
heartbeat."""

import logging
import tempfile
import time
import uuid
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from pitboard.aws.clients import client
from pitboard.aws.function_settings import FunctionSettings
from pitboard.aws.heartbeat import Heartbeat
from pitboard.aws.index_refresh import refresh_index
from pitboard.aws.invoke import RemoteTokens, error_answer
from pitboard.aws.known import known_name
from pitboard.aws.names import INDEX_LEASE
from pitboard.aws.remedies import worded
from pitboard.drivers.errors import UpstreamError
from pitboard.drivers.kept_members import KeptMembers
from pitboard.drivers.ports import Telemetry, request_id
from pitboard.drivers.refresh import IndexRefusedError
from pitboard.iracing.data_api import DataApi
from pitboard.iracing.driver_lists import DriverLists
from pitboard.iracing.meter import Meter
from pitboard.iracing.transport import Transport
from pitboard.settings import UpstreamSettings
from pitboard.stores.dynamodb import DynamoStore
from pitboard.stores.dynamodb_publisher import IndexTable

LONGEST = 900.0
"""Seconds that a function may run at most. Source: Lambda quotas."""

LEASE = LONGEST + 60.0

log = logging.getLogger(__name__)


class IndexHome:
    """Answers the direct invocations of ir-index."""

    def __init__(self, settings: FunctionSettings, upstream: UpstreamSettings, telemetry: Telemetry) -> None:
        self._telemetry = telemetry
        tables = client("dynamodb", patient=True)
        self._store = DynamoStore(tables, settings.drivers_table, settings.custid_table)
        self._table = IndexTable(tables, settings.custid_table)
        self._members = KeptMembers(lambda: self._store.documents, None, 0.0)
        self._lists = DriverLists(
            DataApi(
                upstream.data_url,
                Transport(request_id=request_id.get),
                RemoteTokens(lambda: client("lambda"), settings.auth_function),
                Meter(self._store.documents, telemetry=telemetry),
                telemetry=telemetry,
                link_hosts=upstream.link_hosts,
            )
        )

        self.heartbeat = Heartbeat(
            lambda: known_name(client("dynamodb"), settings.custid_table),
            Transport(request_id=request_id.get),
            telemetry,
        )

    def refresh(self, _: Mapping[str, Any]) -> Mapping[str, Any]:
        """{"action": "refresh_index"}: refreshes the index and says what that brought, or an error.

        Raises `StoreError`, after which the function counts as failed. The next run repeats what is missing.
        """
        owner = uuid.uuid4().hex
        if not self._store.claim([INDEX_LEASE], owner, time.time() + LEASE):
            return {"error": {"code": "busy", "message": "Another refresh of the driver index is running."}}
        outcome, answer = "failed", dict[str, Any]()
        try:
            outcome, answer = self._refresh()
        finally:
            self._telemetry.count("index_refreshes", outcome=outcome)
            self._store.release([INDEX_LEASE], owner)
        return answer

    def _refresh(self) -> tuple[str, dict[str, Any]]:
        try:
            with tempfile.TemporaryDirectory(prefix="pitboard-") as folder:
                done, published = refresh_index(self._lists, self._table, Path(folder), self._members)
        except IndexRefusedError as error:
            log.error("%s", error)  # noqa: TRY400 - a sentence, not a defect
            return "failed", {"error": {"code": "refused", "message": str(error)}}
        except UpstreamError as error:
            log.error("the driver index was not refreshed: %s", worded(error))  # noqa: TRY400 - the same
            return "failed", error_answer(error)
        numbers = {"written": published.written, "deleted": published.deleted}
        log.info("the driver index has been published", extra=numbers)
        return "whole" if done.whole else "partly", {**done.as_dict(), **numbers}
