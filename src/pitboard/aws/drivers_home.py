"""The composition root of ir-drivers and ir-custid: the same services as locally, on DynamoDB and Lambda."""

import random
from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import Any

from pitboard.aws.clients import client
from pitboard.aws.function_settings import FunctionSettings
from pitboard.aws.invoke import RemoteTokens
from pitboard.aws.names import MEMBERS_SECONDS
from pitboard.aws.remedies import worded
from pitboard.aws.renewals import QueueRenewals, renew
from pitboard.drivers.dependencies import Dependencies
from pitboard.drivers.errors import StoreError
from pitboard.drivers.guard import GuardedIndex, GuardedStore
from pitboard.drivers.kept_members import KeptMembers
from pitboard.drivers.misses import Miss
from pitboard.drivers.ports import Telemetry, request_id
from pitboard.drivers.service import DriverService
from pitboard.iracing.data_api import DataApi
from pitboard.iracing.meter import Meter
from pitboard.iracing.transport import Transport
from pitboard.settings import UpstreamSettings
from pitboard.stores.dynamodb import DynamoStore
from pitboard.stores.dynamodb_index import DynamoIndex

CALLERS = 32
PLANNERS = 4

BLOCK = 5
"""Calls taken from the shared budget at once: each conditional write in DynamoDB takes some milliseconds."""


class DriversHome:
    """Answers the routes and the direct invocations of both functions."""

    def __init__(self, settings: FunctionSettings, upstream: UpstreamSettings, telemetry: Telemetry) -> None:
        store = DynamoStore(client("dynamodb"), settings.drivers_table, settings.custid_table)
        data_api = DataApi(
            upstream.data_url,
            Transport(request_id=request_id.get),
            RemoteTokens(lambda: client("lambda"), settings.auth_function),
            Meter(store.documents, block=BLOCK, telemetry=telemetry),
            telemetry=telemetry,
            link_hosts=upstream.link_hosts,
        )
        callers = ThreadPoolExecutor(CALLERS, "pitboard-call")
        self.members = members = KeptMembers(lambda: store.documents, None, MEMBERS_SECONDS)
        self.dependencies = Dependencies(
            GuardedStore(store, members),
            data_api,
            callers,
            callers,  # an invocation serves a reader or renews, never both at once
            ThreadPoolExecutor(PLANNERS, "pitboard-lookup"),
            rng=random.SystemRandom(),  # holds no state that a snapshot could copy
            index=GuardedIndex(DynamoIndex(client("dynamodb"), settings.custid_table), members),
            members=members,
            telemetry=telemetry,
            worded=worded,
        )
        self.service = DriverService(
            self.dependencies,
            ThreadPoolExecutor(PLANNERS, "pitboard-plan"),
            QueueRenewals(lambda: client("sqs"), settings.renewals_queue),
            lookup_seconds=None,
        )

    def renew(self, records: Sequence[Mapping[str, Any]], seconds: float) -> Mapping[str, Any]:
        """The messages of the queue: renews what is due, with the budget that readers leave."""
        return renew(self.service, records, seconds)

    def custid(self, event: Mapping[str, Any]) -> Mapping[str, Any]:
        """{"action": "custid", "name": "A"}: as GET /custid, or {"error": {"code", "message"}}."""
        name = str(event.get("name") or "")
        try:
            answer = self.service.customer_id(name, 8.0)
        except StoreError as error:
            return {"error": {"code": "store", "message": str(error)}}
        if isinstance(answer, Miss):
            return {"error": {"code": answer.code, "message": answer.error}}
        return {"custid": str(answer[0]), "name": name, "origin": answer[1]}
