"""Members who asked to be forgotten, and a host's list, in AWS, on moto's tables."""

import json
import time
import zlib
from contextlib import closing
from dataclasses import replace
from typing import Any

import pytest
from tests.support.index_lists import GivenLists, crowd, row
from tests.support.indexes import refreshed_table
from tests.support.stores import create_table, dynamo_client, moto_endpoint

from pitboard.aws.names import Names
from pitboard.drivers import names
from pitboard.drivers.kept_members import KeptMembers
from pitboard.drivers.members import Audience
from pitboard.drivers.model import IdEntry, Record
from pitboard.local.members import LocalMembers
from pitboard.local.portable import export
from pitboard.ops import aws_members
from pitboard.ops.aws_members import AwsMembersAdmin
from pitboard.settings import Settings, UsageError
from pitboard.stores.dynamodb import DynamoStore
from pitboard.stores.dynamodb_index import DynamoIndex
from pitboard.stores.sqlite import SqliteStore

ANN, BO = "Ann Tester", "Bo Demo2"


@pytest.fixture(scope="module")
def client():
    with moto_endpoint() as endpoint:
        yield dynamo_client(endpoint)


class Environment:
    """The part of `ops.environment.AwsEnvironment` that the administration uses."""

    def __init__(self, client):
        self.names = Names("prod")
        self._client = client
        self.in_use = {
            self.names.drivers_table: create_table(client, "drivers", "name"),
            self.names.custid_table: create_table(client, "custid", "name"),
        }

    def client(self, _):
        return self._client

    def table_in_use(self, name):
        return self.in_use[name]

    def tables(self):
        return {table: {} for table in self.in_use.values()}

    @property
    def drivers(self):
        return self.in_use[self.names.drivers_table]

    @property
    def custid(self):
        return self.in_use[self.names.custid_table]


@pytest.fixture
def aws(client):
    return Environment(client)


@pytest.fixture
def store(aws):
    return DynamoStore(aws.client(""), aws.drivers, aws.custid)


@pytest.fixture(autouse=True)
def functions_are_quick(monkeypatch):
    """No function runs here, so nothing has to be waited for."""
    monkeypatch.setattr(AwsMembersAdmin, "_await_functions", lambda _: None)


def fill(aws, store):
    """Two drivers, known in every way."""
    now = time.time()
    for name, cust_id in ((ANN, 7), (BO, 8)):
        key = name.lower()
        body = json.dumps({"cust_id": cust_id, "member_info": {"display_name": name}}).encode()
        record = Record(key, cust_id, body, now, now + 60, now + 600)
        store.keep([record, replace(record, key=f"HISTORY:{cust_id}:oval:irating")])
        store.keep_ids([IdEntry(key, cust_id, "iRacing", now + 600)])
        store.claim([key], "somebody", now + 60)
    store.keep_ids([IdEntry("cy odd", None, "iRacing", now + 600, "not_found")])
    refresh(aws, [row(ANN, 7), row(BO, 8), *crowd(20)])


def refresh(aws, rows, members=None):
    return refreshed_table(aws.client(""), aws.custid, GivenLists(rows), time.time(), members)


def text_of(aws):
    """All that the tables hold, with bodies unpacked."""
    found = ""
    for table in aws.in_use.values():
        for page in aws.client("").get_paginator("scan").paginate(TableName=table):
            for item in page["Items"]:
                body = item.get("body", {}).get("B")
                found += repr(item)
                if body and not item["name"]["S"].startswith("RANKS:"):
                    found += zlib.decompress(body).decode()
    return found.lower()


def parsed(*texts):
    return [names.parse(text) for text in texts]


def test_a_forgotten_member_leaves_nothing_in_the_tables(aws, store):
    fill(aws, store)
    assert ANN.lower() in text_of(aws)
    assert "Forgotten. Deleted: 5 items." in AwsMembersAdmin(aws).forget(parsed(ANN), [])
    left = text_of(aws)
    assert ANN.lower() not in left
    assert "history:7" not in left
    assert BO.lower() in left
    assert set(store.records(["bo demo2", "HISTORY:8:oval:irating"])) == {
        "bo demo2",
        "HISTORY:8:oval:irating",
    }
    assert store.ids(["cy odd"])


def test_a_forgotten_member_stays_away_after_a_refresh_also_when_it_is_under_way(aws, store):
    fill(aws, store)
    admin = AwsMembersAdmin(aws)
    asked: list[str] = []

    class Lists(GivenLists):
        def rows(self, category, context, received):
            yield from super().rows(category, context, received)
            if not asked:
                asked.append(admin.forget(parsed(ANN), []))

    rows = [row(ANN, 7, 2000), row(BO, 8), *crowd(20)]
    kept = KeptMembers(lambda: store.documents, None, 0.0)
    refreshed_table(aws.client(""), aws.custid, Lists(rows), time.time(), kept)
    assert asked
    assert ANN.lower() not in text_of(aws)
    refresh(aws, rows, kept)
    assert ANN.lower() not in text_of(aws)
    assert set(DynamoIndex(aws.client(""), aws.custid).find([ANN.lower(), BO.lower()])) == {BO.lower()}


def test_a_refresh_tells_the_customer_id_of_a_name_that_nobody_had_asked_for(aws, store):
    AwsMembersAdmin(aws).forget(parsed(ANN), [])
    kept = KeptMembers(lambda: store.documents, None, 0.0)
    refresh(aws, [row(ANN, 7), row(BO, 8)], kept)
    assert kept.current().withholds_id(7)
    assert not kept.current().withholds_id(8)


def test_with_a_list_the_index_has_those_on_it_alone(aws, store):
    fill(aws, store)
    admin = AwsMembersAdmin(aws)
    assert "It has no effect yet" in admin.allow(parsed(BO), [], None, only=False)
    aws_members.choose(aws, aws.drivers, aws.custid, Audience.LISTED)
    assert store.records([ANN.lower()]) == {}
    kept = KeptMembers(lambda: store.documents, None, 0.0)
    refresh(aws, [row(ANN, 7), row(BO, 8), *crowd(20)], kept)
    assert ANN.lower() not in text_of(aws)
    assert "driver 3" not in text_of(aws)
    index = DynamoIndex(aws.client(""), aws.custid)
    assert set(index.find([ANN.lower(), BO.lower(), "driver 3"])) == {BO.lower()}
    assert index.ranks().rank("oval", "DE", 1500) is not None
    assert admin.listed() == [BO.lower()]


def test_a_restored_table_keeps_what_members_asked_for_since(aws, store, client):
    fill(aws, store)
    AwsMembersAdmin(aws).forget(parsed(ANN), [])
    # a copy from before, as point-in-time recovery makes it
    older = Environment(client)
    fill(older, DynamoStore(client, older.drivers, older.custid))
    for name in (aws.names.drivers_table, aws.names.custid_table):
        aws_members.carry_over(aws, name, older.in_use[name])
    assert ANN.lower() not in text_of(older)
    assert BO.lower() in text_of(older)
    documents = DynamoStore(client, older.drivers, older.custid).documents
    assert not KeptMembers(lambda: documents, None, 0.0).current().permits(ANN.lower())


def test_what_members_asked_for_moves_to_another_environment_and_drivers_do_not(aws, store, client, tmp_path):
    fill(aws, store)
    admin, file = AwsMembersAdmin(aws), tmp_path / "members.jsonl"
    admin.forget(parsed(ANN), [])
    admin.allow(parsed(BO), [], None, only=False)
    admin.export(file)
    assert ANN.lower() not in file.read_text("utf-8").lower()
    there: Any = Environment(client)
    fill(there, DynamoStore(client, there.drivers, there.custid))
    said = AwsMembersAdmin(there).import_(file)
    assert said == ("What members have asked for holds here, too. Deleted: 5 items. Members on the list: 1.")
    assert ANN.lower() not in text_of(there)
    assert not AwsMembersAdmin(there).kept.current().permits(ANN.lower())


def test_what_was_asked_for_on_a_machine_moves_to_aws(aws, store, tmp_path):
    fill(aws, store)
    settings = Settings.read({"PITBOARD_DB": str(tmp_path / "p.sqlite3")})
    kept = SqliteStore(settings.db)
    with closing(kept), closing(LocalMembers(settings, kept)) as members:
        members.forget(parsed(ANN))
    export(settings, tmp_path / "drivers.jsonl")
    AwsMembersAdmin(aws).import_(tmp_path / "drivers.jsonl")
    assert ANN.lower() not in text_of(aws)
    assert BO.lower() in text_of(aws)


def test_nothing_is_chosen_silently_and_nothing_that_was_chosen_is_changed_silently(aws, monkeypatch):
    with pytest.raises(UsageError, match="--audience listed"):
        aws_members.chosen(aws, "")
    AwsMembersAdmin(aws).forget(parsed(ANN), [])
    with pytest.raises(UsageError, match="Choose once"):
        aws_members.chosen(aws, "")
    monkeypatch.setenv("PITBOARD_AUDIENCE", "everyone")
    assert aws_members.chosen(aws, "") is Audience.EVERYONE
    assert aws_members.chosen(aws, "listed") is Audience.LISTED
    aws_members.choose(aws, aws.drivers, aws.custid, Audience.LISTED)
    assert aws_members.chosen(aws, "") is Audience.LISTED
    with pytest.raises(UsageError, match="everyone or listed"):
        aws_members.chosen(aws, "nobody")
