"""What `pitboard forget` and `pitboard allow` do in an AWS environment."""

import os
import time
from collections.abc import Collection, Mapping
from functools import partial
from pathlib import Path

from pitboard.aws.invoke import RemoteTokens
from pitboard.aws.names import ALIAS, MEMBERS_SECONDS, NAME_KEY
from pitboard.drivers.kept_members import KeptMembers, sweep_foreign
from pitboard.drivers.members import Audience, Members
from pitboard.drivers.model import CallContext
from pitboard.drivers.names import Name
from pitboard.iracing.data_api import DataApi
from pitboard.iracing.meter import Meter
from pitboard.iracing.transport import Transport
from pitboard.local.portable import export_members, import_members
from pitboard.ops.environment import AwsEnvironment
from pitboard.ops.members import ROSTER_SECONDS, mapping, told
from pitboard.settings import UpstreamSettings, UsageError, audience
from pitboard.stores.dynamodb import DynamoStore, Table, sweep
from pitboard.stores.dynamodb_index import DynamoIndex


def chosen(aws: AwsEnvironment, wanted: str) -> Audience:
    """Whom an environment is to show: the one `wanted`, else what was chosen at a deploy before, else what
    PITBOARD_AUDIENCE says. Raises `UsageError` when the host has never chosen."""
    if wanted:
        return Audience(audience(wanted))
    table = aws.table_in_use(aws.names.drivers_table)
    if table in aws.tables():
        members = _kept(aws, table).current()
        if members.chosen:
            return members.audience
    if word := audience(os.environ.get("PITBOARD_AUDIENCE", "")):
        return Audience(word)
    raise UsageError(
        "Everybody who has the address will see what this environment shows. iRacing is reported to ask that"
        " members agree to that (docs/MEMBERS.md). Choose once: with --audience listed it shows only whom"
        " `pitboard allow --env` has put on the list, with --audience everyone all who have not asked to be"
        " left out."
    )


def choose(aws: AwsEnvironment, drivers: str, custid: str, audience: Audience) -> None:
    """Writes the choice into the table `drivers`. With `listed`, what is kept of others is deleted; the next
    refresh takes them out of the driver index. Raises `StoreError`."""
    members = _kept(aws, drivers).change(lambda members: members.choosing(audience))
    if audience is Audience.LISTED:
        for table in (drivers, custid):
            sweep(Table(aws.client("dynamodb"), table, NAME_KEY), members.strictly_keeps, index=False)


def carry_over(aws: AwsEnvironment, table: str, restored: str) -> None:
    """After a table was restored from an earlier moment: what members have asked for since holds in
    the copy, too. Raises `StoreError`."""
    if table == aws.names.auth_table:
        return
    kept = _kept(aws, aws.table_in_use(aws.names.drivers_table))
    if not kept.current().all_shown:
        sweep_foreign(kept, partial(sweep, Table(aws.client("dynamodb"), restored, NAME_KEY)))
    asked = kept.current()
    if table == aws.names.drivers_table:
        _kept(aws, restored).change(lambda _: asked)


def _kept(aws: AwsEnvironment, drivers: str) -> KeptMembers:
    documents = DynamoStore(aws.client("dynamodb"), drivers, "").documents
    return KeptMembers(lambda: documents, None, 0.0)


class AwsMembersAdmin:
    """An AWS environment's, with the host's own rights."""

    def __init__(self, aws: AwsEnvironment) -> None:
        self._aws = aws
        drivers, custid = (aws.table_in_use(n) for n in (aws.names.drivers_table, aws.names.custid_table))
        for table in (drivers, custid):
            if table not in aws.tables():
                raise UsageError(f"There is no table {table}; `pitboard deploy` makes it.")
        client = aws.client("dynamodb")
        self._store = DynamoStore(client, drivers, custid)
        self._index = DynamoIndex(client, custid)
        self.kept = KeptMembers(lambda: self._store.documents, None, 0.0)

    def forget(self, names: Collection[Name], cust_ids: Collection[int]) -> str:
        keys = [name.key for name in names]
        known = {*cust_ids, *self._ids_of(keys)}
        keys += [key for key in self._store.keys_of(list(known)) if key == key.lower()] if known else []
        members = self.kept.change(lambda members: members.forgetting(keys, known))
        self._await_functions()
        gone = self._store.sweep(members.keeps)
        return (
            f"Forgotten. Deleted: {gone} items. Messages in the queue of renewals with the name end within"
            " 2 hours, those that failed within 7 days; AWS' backups of the tables within 35 days."
        )

    def allow(
        self, agreed: Collection[Name], others: Collection[Name], league: int | None, *, only: bool
    ) -> str:
        listed = mapping(agreed, others, self._roster(league) if league else {})
        for name in agreed:
            self.kept.change(partial(Members.agreeing, key=name.key))
        members = self.kept.change(lambda members: members.listing(listed, only=only))
        if only and members.audience is Audience.LISTED:
            self._await_functions()
            self._store.sweep(members.strictly_keeps)
        withheld = sum(not members.permits(key) for key in listed)
        return told(members, withheld, unused=members.audience is not Audience.LISTED)

    def listed(self) -> list[str]:
        return sorted(self.kept.current().listed)

    def export(self, target: Path) -> str:
        """Writes what members have asked for into a file. Raises `UsageError`."""
        return export_members(self.kept.current(), target)

    def import_(self, source: Path) -> str:
        """Takes in what members have asked for elsewhere; drivers in the file are left out, they come from
        iRacing by themselves. Raises `UsageError`."""
        asked = import_members(source)
        self.kept.change(lambda now: now.joined(asked))
        self._await_functions()
        gone = sweep_foreign(self.kept, self._store.sweep)
        members = self.kept.current()
        return (
            f"What members have asked for holds here, too. Deleted: {gone} items."
            f" Members on the list: {len(members.listed)}."
        )

    def _ids_of(self, keys: list[str]) -> set[int]:
        found = {record.cust_id for record in self._store.records(keys).values()}
        found |= {entry.cust_id or 0 for entry in self._store.ids(keys).values()}
        found |= {driver.cust_id for driver in self._index.find(keys).values()}
        found |= {max(0, self.kept.current().listed.get(key, 0)) for key in keys}
        return found - {0}

    def _await_functions(self) -> None:
        """Waits until every function knows, and has written what it was about to write."""
        time.sleep(MEMBERS_SECONDS + 5.0)

    def _roster(self, league: int) -> Mapping[int, str]:
        upstream = UpstreamSettings.read()
        tokens = RemoteTokens(lambda: self._aws.client("lambda"), f"{self._aws.names.auth}:{ALIAS}")
        api = DataApi(
            upstream.data_url,
            Transport(),
            tokens,
            Meter(self._store.documents),
            link_hosts=upstream.link_hosts,
        )
        return api.roster(league, CallContext(time.monotonic() + ROSTER_SECONDS))
