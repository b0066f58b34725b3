"""The Data API client over real sockets: shapes of answers, errors, links, retries, and what they cost."""

import gzip
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any

import pytest
from tests.support.fake_http import FakeHttp, Reply, fake_http_server

from pitboard.drivers.budget import PROBE_PAUSE
from pitboard.drivers.errors import (
    CredentialsError,
    MaintenanceError,
    RateLimitedError,
    RefusedError,
    UnreachableError,
    UpstreamError,
)
from pitboard.drivers.model import CallContext, Priority
from pitboard.drivers.ports import Telemetry
from pitboard.iracing import data_api
from pitboard.iracing.data_api import LONGEST_LINE, DataApi
from pitboard.iracing.links import Links
from pitboard.iracing.meter import Meter
from pitboard.iracing.transport import NoAnswerError, Transport
from pitboard.stores.sqlite import SqliteStore

PROFILE = {"cust_id": 7, "member_info": {"cust_id": 7, "display_name": "Alex Sample"}}


class Tokens:
    """An `AccessTokens` that numbers its tokens and records the rejected ones."""

    def __init__(self) -> None:
        self.number = 1
        self.rejected: list[str] = []

    def access_token(self, deadline: float) -> str:
        return f"hush-{self.number}"

    def replace(self, rejected: str, deadline: float) -> str:
        self.rejected.append(rejected)
        self.number += 1
        return f"hush-{self.number}"


class Counts(Telemetry):
    """Records the upstream calls that are counted."""

    def __init__(self) -> None:
        self.calls: list[tuple[str, str]] = []

    def count(self, metric: str, value: float = 1, **labels: str) -> None:
        if metric == "upstream_calls":
            self.calls.append((labels["endpoint"], labels["outcome"]))


class Bench:
    """A Data API client with its server, tokens and budget."""

    def __init__(self, server: FakeHttp, store: SqliteStore) -> None:
        self.server = server
        self.tokens = Tokens()
        self.telemetry = Counts()
        self.now = 1_800_000_000.0
        self.meter = Meter(store.documents, clock=lambda: self.now)
        self.api = DataApi(server.url, Transport(), self.tokens, self.meter, telemetry=self.telemetry)

    def link(self, to: str = "/asset") -> Reply:
        return Reply(
            json={"link": f"{self.server.url}{to}?signature=hush", "expires": "2026-01-01T00:00:00Z"}
        )

    def linked(self, path: str, *replies: Reply) -> None:
        """Answers `path` with a link, and the link with `replies`."""
        self.server.on(path, self.link())
        self.server.on("/asset", *replies)

    @property
    def spent(self) -> float:
        return round(60 - self.meter.status().level)


@pytest.fixture
def bench(tmp_path: Path) -> Iterator[Bench]:
    store = SqliteStore(tmp_path / "budget.sqlite3")
    with fake_http_server() as server:
        yield Bench(server, store)
    store.close()


def context(seconds: float = 10.0, priority: Priority = Priority.READER) -> CallContext:
    return CallContext(time.monotonic() + seconds, priority)


class TestWhereTheTokenIsSent:
    def test_the_token_is_sent_to_the_data_api_and_not_to_the_file_store(self, bench: Bench) -> None:
        bench.linked("/data/member/profile", Reply(json=PROFILE))
        assert bench.api.profile(7, context()) == PROFILE
        call, asset = bench.server.got
        assert call.headers["authorization"] == "Bearer hush-1"
        assert call.query == {"cust_id": "7"}
        assert "authorization" not in asset.headers
        assert asset.headers["user-agent"].startswith("Pitboard/")

    @pytest.mark.parametrize("path", ["/data/member/profile", "/asset"])
    def test_a_redirect_is_not_followed(self, bench: Bench, path: str) -> None:
        bench.linked("/data/member/profile", Reply(json=PROFILE))
        bench.server.on(path, Reply(302, headers={"Location": f"{bench.server.url}/elsewhere"}))
        with pytest.raises(UnreachableError):
            bench.api.profile(7, context(1))
        assert "/elsewhere" not in bench.server.paths

    @pytest.mark.parametrize(
        "path", ["@evil.example/data/x", ".evil.example/data/x", "/data/../x", "/other", ""]
    )
    def test_a_path_cannot_lead_to_another_host(self, bench: Bench, path: str) -> None:
        with pytest.raises(ValueError, match="no path of the Data API"):
            bench.api.get(path, {}, context())
        assert bench.server.got == []

    @pytest.mark.parametrize(
        "link",
        [
            "http://files.example/x",
            "ftp://127.0.0.1/x",
            "file:///etc/passwd",
            "//127.0.0.1/x",
            "https:///x",
            "https://user@files.example/x",
            "http://[::1",
            "",
        ],
    )
    def test_invalid_and_untrusted_links_are_not_followed(self, bench: Bench, link: str) -> None:
        bench.server.on("/data/member/profile", Reply(json={"link": link}))
        with pytest.raises(UnreachableError) as caught:
            bench.api.profile(7, context())
        assert len(bench.server.got) == 1
        assert not link or link not in str(caught.value)

    def test_a_remote_data_api_cannot_send_links_to_this_machine_over_http(self, bench: Bench) -> None:
        links = Links("https://data.invalid")
        with pytest.raises(UnreachableError, match="not followed"):
            links.check("http://127.0.0.1/x")
        links.check("https://scorpio-assets.s3.amazonaws.com/x")

    @pytest.mark.parametrize("url", ["https://files.example/x?signature=hush", "https://10.0.0.1/x"])
    def test_a_foreign_host_is_not_asked(self, bench: Bench, url: str) -> None:
        bench.server.on("/data/member/profile", Reply(json={"link": url}))
        with pytest.raises(UnreachableError, match=r"files\.example|not followed") as caught:
            bench.api.profile(7, context())
        assert len(bench.server.got) == 1
        assert "hush" not in str(caught.value)

    @pytest.mark.parametrize("count", [201, 100_000])
    def test_an_answer_in_very_many_parts_is_refused_before_any_is_asked_for(
        self, bench: Bench, count: int
    ) -> None:
        info = {"base_download_url": f"{bench.server.url}/c/", "chunk_file_names": ["x"] * count}
        bench.server.on("/data/results/search_series", Reply(json={"data": {"chunk_info": info}}))
        with pytest.raises(UnreachableError, match="parts"):
            bench.api.get("/data/results/search_series", {}, context())
        assert len(bench.server.got) == 1

    def test_200_parts_are_taken(self, bench: Bench) -> None:
        info = {"base_download_url": f"{bench.server.url}/c/", "chunk_file_names": ["x"] * 200}
        bench.server.on("/data/results/search_series", Reply(json={"data": {"chunk_info": info}}))
        bench.server.on("/c/x", Reply(json=[1]))
        assert bench.api.get("/data/results/search_series", {}, context()) == [1] * 200

    def test_parts_that_are_too_large_together_are_refused(self, bench: Bench) -> None:
        info = {"base_download_url": f"{bench.server.url}/c/", "chunk_file_names": ["x"] * 5}
        bench.server.on("/data/results/search_series", Reply(json={"data": {"chunk_info": info}}))
        bench.server.on("/c/x", Reply(json=["y" * 13_500_000]))
        with pytest.raises(UnreachableError, match="larger than"):
            bench.api.get("/data/results/search_series", {}, context())

    def test_the_request_id_is_sent(self, bench: Bench) -> None:
        transport = Transport(request_id=lambda: "request-9")
        bench.server.on("/data/constants/categories", Reply(json=[]))
        DataApi(bench.server.url, transport, bench.tokens, bench.meter).get(
            "/data/constants/categories", {}, context()
        )
        assert bench.server.got[0].headers["x-request-id"] == "request-9"


class TestShapes:
    def test_a_direct_array_is_returned(self, bench: Bench) -> None:
        bench.server.on("/data/constants/categories", Reply(json=[{"value": 1}]))
        assert bench.api.get("/data/constants/categories", {}, context()) == [{"value": 1}]

    def test_a_data_url_is_followed(self, bench: Bench) -> None:
        answer = {"type": "member_awards", "data": {"success": True}, "data_url": f"{bench.server.url}/asset"}
        bench.server.on("/data/member/awards", Reply(json=answer))
        bench.server.on("/asset", Reply(json=[1, 2]))
        assert bench.api.get("/data/member/awards", {"cust_id": 7}, context()) == [1, 2]

    @pytest.mark.parametrize("direct", [True, False])
    @pytest.mark.parametrize("nested", [True, False])
    def test_chunks_become_one_list_in_order(self, bench: Bench, direct: bool, nested: bool) -> None:
        info = {
            "chunk_size": 2,
            "num_chunks": 3,
            "rows": 5,
            "base_download_url": f"{bench.server.url}/chunks/",
            "chunk_file_names": ["a", "b", "c"],
        }
        body = {"data": {"success": True, "chunk_info": info}} if nested else {"chunk_info": info}
        for name, rows in {"a": [1, 2], "b": [3, 4], "c": [5]}.items():
            bench.server.on(f"/chunks/{name}", Reply(json=rows))
        if direct:
            bench.server.on("/data/results/search_series", Reply(json=body))
        else:
            bench.linked("/data/results/search_series", Reply(json=body))
        assert bench.api.get("/data/results/search_series", {}, context()) == [1, 2, 3, 4, 5]
        assert bench.spent == 1

    @pytest.mark.parametrize("info", [None, {"base_download_url": "x", "chunk_file_names": []}])
    def test_without_chunks_there_are_no_rows(self, bench: Bench, info: object) -> None:
        bench.linked("/data/results/search_series", Reply(json={"chunk_info": info}))
        assert bench.api.get("/data/results/search_series", {}, context()) == []

    def test_a_wrong_content_type_and_gzip_are_accepted(self, bench: Bench) -> None:
        body = gzip.compress(b'{"cust_id": 7, "member_info": {"cust_id": 7}}')
        headers = {"Content-Type": "text/csv", "Content-Encoding": "gzip"}
        bench.linked("/data/member/profile", Reply(body=body, headers=headers))
        assert bench.api.profile(7, context())["cust_id"] == 7


class TestTheUpstreamPort:
    def test_a_search_gives_ids_and_names(self, bench: Bench) -> None:
        rows = [{"cust_id": 1, "display_name": "Ana Núñez"}, {"cust_id": 2, "display_name": "Ana Núñez2"}]
        bench.linked("/data/lookup/drivers", Reply(json=rows))
        assert bench.api.search("Ana Núñez", context()) == [(1, "Ana Núñez"), (2, "Ana Núñez2")]
        assert bench.server.got[0].query == {"search_term": "Ana Núñez"}

    def test_a_search_without_results_is_empty(self, bench: Bench) -> None:
        bench.linked("/data/lookup/drivers", Reply(json=[]))
        assert bench.api.search("Nobody", context()) == []

    def test_members_are_fetched_in_one_call_and_only_requested_ones_are_returned(self, bench: Bench) -> None:
        members: list[dict[str, Any]] = [
            {"cust_id": number, "display_name": f"Driver {number}", "licenses": []} for number in (9, 7, 5)
        ]
        bench.linked("/data/member/get", Reply(json={"success": True, "members": members}))
        found = bench.api.members([7, 8, 9], context())
        assert dict(found) == {7: members[1], 9: members[0]}
        assert bench.server.got[0].query == {"cust_ids": "7,8,9", "include_licenses": "true"}
        assert bench.spent == 1

    @pytest.mark.parametrize("count", [0, 51])
    def test_only_1_to_50_members_can_be_requested_at_once(self, bench: Bench, count: int) -> None:
        with pytest.raises(ValueError, match="1 to 50"):
            bench.api.members(range(count), context())

    def test_chart_and_career_are_returned(self, bench: Bench) -> None:
        chart = {
            "cust_id": 7,
            "category_id": 5,
            "chart_type": 1,
            "data": [{"when": "2025-01-01", "value": 1}],
        }
        bench.linked("/data/member/chart_data", Reply(json=chart))
        assert bench.api.chart(7, 5, 1, context()) == chart
        assert bench.server.got[0].query == {"cust_id": "7", "category_id": "5", "chart_type": "1"}
        bench.linked("/data/stats/member_career", Reply(json={"cust_id": 7, "stats": []}))
        assert bench.api.career(7, context()) == {"cust_id": 7, "stats": []}


ASKS: dict[str, tuple[str, Callable[[DataApi], object]]] = {
    "search": ("/data/lookup/drivers", lambda api: api.search("A", context())),
    "members": ("/data/member/get", lambda api: api.members([7], context())),
    "profile": ("/data/member/profile", lambda api: api.profile(7, context())),
    "chart": ("/data/member/chart_data", lambda api: api.chart(7, 5, 1, context())),
    "career": ("/data/stats/member_career", lambda api: api.career(7, context())),
}


class TestWrongShapes:
    @pytest.mark.parametrize("ask", ASKS)
    @pytest.mark.parametrize(
        "body",
        [
            None,
            5,
            "text",
            {},
            [[]],
            [{"cust_id": "7"}],
            [{"cust_id": True, "display_name": "A"}],
            [{"cust_id": 7, "display_name": None}],
            {"members": None},
            {"members": [5]},
            {"members": [{"cust_id": None}]},
            {"cust_id": 7},
            {"cust_id": 7, "member_info": [], "data": {}, "stats": {}},
            {"chunk_info": 5},
            {"chunk_info": {"base_download_url": 5}},
            {"chunk_info": {"base_download_url": "x", "chunk_file_names": [None]}},
            {"link": None},
            {"data_url": 5},
        ],
    )
    def test_an_answer_of_a_wrong_shape_is_an_upstream_error(
        self, bench: Bench, ask: str, body: object
    ) -> None:
        path, call = ASKS[ask]
        bench.linked(path, Reply(body=b"null") if body is None else Reply(json=body))
        if ask == "members" and isinstance(body, dict) and isinstance(body.get("members"), list):
            assert call(bench.api) == {}
            return
        with pytest.raises(UnreachableError):
            call(bench.api)

    @pytest.mark.parametrize("ask", ["profile", "chart", "career"])
    def test_an_answer_about_another_driver_is_an_error(self, bench: Bench, ask: str) -> None:
        path, call = ASKS[ask]
        body = {"cust_id": 8, "member_info": {"cust_id": 8}, "data": [], "stats": []}
        bench.linked(path, Reply(json=body | {"category_id": 5, "chart_type": 1}))
        with pytest.raises(UnreachableError, match="something else"):
            call(bench.api)

    def test_deeply_nested_json_is_an_error(self, bench: Bench) -> None:
        bench.linked("/data/member/profile", Reply(body=b"[" * 200_000))
        with pytest.raises(UnreachableError):
            bench.api.profile(7, context())


MAINTENANCE = {"error": "Site Maintenance", "note": "The site is currently undergoing maintenance."}
OLD_MAINTENANCE = {"httpCode": 503, "errorCode": "Site Maintenance", "errorDesc": "later"}


class TestErrors:
    @pytest.mark.parametrize(
        ("reply", "kind", "calls"),
        [
            (Reply(400, json={"error": "Bad Request"}), RefusedError, 1),
            (Reply(403, json={"error": "Forbidden"}), UnreachableError, 1),
            (Reply(403, json={"error": "insufficient_scope"}), CredentialsError, 1),
            (Reply(404, json={"error": "Not Found"}), RefusedError, 1),
            (Reply(401, json={"error": "Unauthorized"}), CredentialsError, 2),
            (Reply(401, json={"error": "access_denied", "error_description": "x"}), CredentialsError, 2),
            (Reply(429, body=b"Rate limit exceeded"), RateLimitedError, 1),
            (Reply(200, body=b"Rate limit exceeded"), RateLimitedError, 1),
            (Reply(503, json=MAINTENANCE), MaintenanceError, 1),
            (Reply(503, json={"error": "Site Maintenance"}), MaintenanceError, 1),
            (Reply(503, json=OLD_MAINTENANCE), MaintenanceError, 1),
            (Reply(200, json=OLD_MAINTENANCE), MaintenanceError, 1),
            (Reply(503, body=b"<html>"), MaintenanceError, 1),
            (Reply(504, body=b"<html>Gateway Timeout</html>"), UnreachableError, 3),
            (Reply(502, body=b"<html>"), UnreachableError, 3),
            (Reply(500, json={"error": "Server Error"}), UnreachableError, 3),
            (Reply(200, body=b"<html>"), UnreachableError, 3),
            (Reply(200, body=b'{"link": "https'), UnreachableError, 3),
            (Reply(200, body=b""), UnreachableError, 3),
            (Reply(204), UnreachableError, 1),
            (Reply(drop=True), NoAnswerError, 3),
        ],
    )
    def test_each_failure_has_its_error_and_only_temporary_ones_are_retried(
        self, bench: Bench, reply: Reply, kind: type[UpstreamError], calls: int
    ) -> None:
        bench.server.on("/data/member/profile", reply)
        with pytest.raises(kind) as caught:
            bench.api.profile(7, context())
        assert len(bench.server.got) == calls
        assert bench.spent == calls
        assert bench.telemetry.calls == [("member/profile", kind.code)] * calls
        assert "hush" not in str(caught.value)

    def test_a_refused_token_is_replaced_and_the_call_retried_once(self, bench: Bench) -> None:
        bench.server.on(
            "/data/constants/categories", Reply(401, json={"error": "Unauthorized"}), Reply(json=[])
        )
        assert bench.api.get("/data/constants/categories", {}, context()) == []
        assert bench.tokens.rejected == ["hush-1"]
        assert [got.headers["authorization"] for got in bench.server.got] == [
            "Bearer hush-1",
            "Bearer hush-2",
        ]

    def test_a_call_that_fails_once_is_retried(self, bench: Bench) -> None:
        bench.server.on("/data/constants/categories", Reply(504, body=b"<html>"), Reply(json=[1]))
        assert bench.api.get("/data/constants/categories", {}, context()) == [1]
        assert bench.spent == 2

    def test_a_link_is_not_tried_again_after_its_short_life(
        self, bench: Bench, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        """iRacing signs some links for 60 s: what comes later is refused and would be taken for a fault."""
        assert data_api.LINK_LIFE < 60
        monkeypatch.setattr(data_api, "LINK_LIFE", 0.1)
        bench.linked("/data/member/profile", Reply(500), Reply(json=PROFILE))
        with pytest.raises(UnreachableError):
            bench.api.profile(7, context(10))
        assert bench.server.paths.count("/asset") == 1

    def test_nothing_is_retried_after_the_deadline(self, bench: Bench) -> None:
        bench.server.on("/data/constants/categories", Reply(504, body=b"<html>"))
        with pytest.raises(UnreachableError):
            bench.api.get("/data/constants/categories", {}, context(0.05))
        assert len(bench.server.got) == 1

    def test_a_call_without_an_answer_ends_at_the_deadline(self, bench: Bench) -> None:
        gate = threading.Event()
        bench.server.on("/data/constants/categories", Reply(hold=gate, json=[]))
        begun = time.monotonic()
        with pytest.raises(NoAnswerError, match="in time"):
            bench.api.get("/data/constants/categories", {}, context(0.2))
        assert time.monotonic() - begun < 5
        gate.set()

    def test_a_slow_answer_ends_at_the_deadline(self, bench: Bench) -> None:
        bench.server.on("/data/constants/categories", Reply(body=b" " * 1000 + b"[]", drip=0.02))
        begun = time.monotonic()
        with pytest.raises(NoAnswerError, match="in time"):
            bench.api.get("/data/constants/categories", {}, context(0.3))
        assert time.monotonic() - begun < 5

    def test_an_answer_that_is_too_large_is_not_read(self, bench: Bench) -> None:
        body = gzip.compress(b" " * (17 * 1024 * 1024))
        bench.linked("/data/member/profile", Reply(body=body, headers={"Content-Encoding": "gzip"}))
        with pytest.raises(UnreachableError, match="larger than 16 MB"):
            bench.api.profile(7, context())


class TestLinks:
    @pytest.mark.parametrize(
        "failure",
        [
            Reply(500),
            Reply(503),
            Reply(drop=True),
            Reply(body=b'{"cut'),
            Reply(body=b'{"cut', headers={"Content-Length": "500", "Connection": "close"}),
        ],
    )
    def test_a_failed_download_is_retried_without_a_new_call(self, bench: Bench, failure: Reply) -> None:
        bench.linked("/data/member/profile", failure, Reply(json=PROFILE))
        assert bench.api.profile(7, context()) == PROFILE
        assert bench.server.paths == ["/data/member/profile", "/asset", "/asset"]
        assert bench.spent == 1

    def test_an_expired_link_is_replaced_by_a_new_call(self, bench: Bench) -> None:
        bench.linked(
            "/data/member/profile", Reply(403, body=b"<Error>AccessDenied</Error>"), Reply(json=PROFILE)
        )
        assert bench.api.profile(7, context()) == PROFILE
        assert bench.server.paths == ["/data/member/profile", "/asset"] * 2
        assert bench.spent == 2

    def test_a_second_expired_link_is_an_error(self, bench: Bench) -> None:
        bench.linked("/data/member/profile", Reply(403))
        with pytest.raises(UnreachableError) as caught:
            bench.api.profile(7, context())
        assert bench.server.paths == ["/data/member/profile", "/asset"] * 2
        assert "hush" not in str(caught.value)

    def test_links_are_not_cached(self, bench: Bench) -> None:
        bench.linked("/data/member/profile", Reply(json=PROFILE))
        for _ in range(2):
            bench.api.profile(7, context())
        assert bench.server.paths.count("/data/member/profile") == 2


class TestTheBudget:
    def test_a_call_beyond_the_budget_is_not_made(self, bench: Bench) -> None:
        bench.server.on("/data/constants/categories", Reply(json=[]))
        for _ in range(60):
            bench.meter.spend(context())
        with pytest.raises(RateLimitedError, match="budget"):
            bench.api.get("/data/constants/categories", {}, context(0.1))
        assert bench.server.got == []

    def test_after_a_maintenance_answer_one_call_in_a_while_finds_out_whether_it_is_over(
        self, bench: Bench
    ) -> None:
        still = [Reply(503, json=MAINTENANCE)] * 4
        bench.server.on("/data/constants/categories", *still, Reply(json=[]))
        for _ in range(10):
            with pytest.raises(MaintenanceError) as caught:
                bench.api.get("/data/constants/categories", {}, context())
            assert caught.value.retry_after
            bench.now += PROBE_PAUSE / 3
        assert len(bench.server.got) == 4
        bench.now += PROBE_PAUSE
        assert bench.api.get("/data/constants/categories", {}, context()) == []
        assert bench.api.get("/data/constants/categories", {}, context()) == []

    def test_after_a_429_no_call_is_made_before_the_reset(self, bench: Bench) -> None:
        told = {
            "X-RateLimit-Limit": "240",
            "X-RateLimit-Remaining": "0",
            "X-RateLimit-Reset": "1800000030",
            "Date": "Fri, 15 Jan 2027 08:00:00 GMT",
        }
        reply = Reply(429, body=b"Rate limit exceeded", headers=told)
        bench.server.on("/data/constants/categories", reply, Reply(json=[]))
        with pytest.raises(RateLimitedError) as caught:
            bench.api.get("/data/constants/categories", {}, context())
        assert caught.value.retry_after == pytest.approx(30.5)
        with pytest.raises(RateLimitedError, match="paused"):
            bench.api.get("/data/constants/categories", {}, context())
        assert len(bench.server.got) == 1

    def test_calls_of_other_programs_lower_the_budget(self, bench: Bench) -> None:
        told = {
            "X-RateLimit-Limit": "240",
            "X-RateLimit-Remaining": "70",
            "X-RateLimit-Reset": "1800000000",
            "Date": "Fri, 15 Jan 2027 08:00:00 GMT",
        }
        bench.server.on("/data/constants/categories", Reply(json=[], headers=told))
        bench.api.get("/data/constants/categories", {}, context())
        assert bench.meter.status().level == 10


HEADER = "DRIVER,CUSTID,LOCATION,IRATING\n"


OVAL = "/data/driver_stats_by_category/oval"
WANTED = ("DRIVER", "CUSTID", "IRATING")


class TestCsv:
    def rows(self, bench: Bench, *replies: Reply) -> list[Sequence[str]]:
        bench.linked(OVAL, *replies)
        return list(bench.api.csv(OVAL, WANTED, context()))

    def test_the_columns_asked_for_with_a_byte_order_mark(self, bench: Bench) -> None:
        body = ("\ufeff" + HEADER + "Ana Núñez2,7,ES,1350\r\nBo,8,,-1").encode()
        headers = {"Content-Type": "application/octet-stream"}
        assert self.rows(bench, Reply(body=body, headers=headers)) == [
            ("Ana Núñez2", "7", "1350"),
            ("Bo", "8", "-1"),
        ]

    def test_columns_are_found_by_name_wherever_they_stand(self, bench: Bench) -> None:
        assert self.rows(bench, Reply(body=b"IRATING,NEW,CUSTID,DRIVER\n5,x,1,A\n")) == [("A", "1", "5")]

    def test_a_column_that_is_missing_is_named(self, bench: Bench) -> None:
        with pytest.raises(UnreachableError, match="IRATING"):
            self.rows(bench, Reply(body=b"DRIVER,CUSTID\nA,1\n"))
        assert bench.spent == 1

    def test_quoted_names(self, bench: Bench) -> None:
        body = (HEADER + '"Pat ""Quick"" O\'Neil, Jr",7,IE,1\r\n').encode()
        assert self.rows(bench, Reply(body=body)) == [('Pat "Quick" O\'Neil, Jr', "7", "1")]

    def test_a_stray_quote_spoils_its_own_row_only(self, bench: Bench) -> None:
        body = (HEADER + '"A,1,DE,5\nB,2,DE,5\n').encode()
        assert self.rows(bench, Reply(body=body)) == [(), ("B", "2", "5")]

    def test_rows_of_the_wrong_length_come_empty_to_be_counted(self, bench: Bench) -> None:
        body = (HEADER + "A,1,DE,5\nB,2,DE\nC,3,DE,5,6\n\nD,4,DE,5\n").encode()
        assert self.rows(bench, Reply(body=body)) == [("A", "1", "5"), (), (), ("D", "4", "5")]

    @pytest.mark.parametrize("end", ["\n", ""])
    @pytest.mark.parametrize("size", [LONGEST_LINE + 1, 30 * LONGEST_LINE])
    @pytest.mark.parametrize("stuff", ["x", '"', ",", "ä"])
    def test_a_line_that_is_far_too_long_is_one_bad_row(
        self, bench: Bench, stuff: str, size: int, end: str
    ) -> None:
        body = (HEADER + "A,1,DE,5\n" + stuff * size + end + ("B,2,DE,5\n" if end else "")).encode()
        rows = self.rows(bench, Reply(body=body))
        assert rows == [("A", "1", "5"), (), *([("B", "2", "5")] if end else [])]

    def test_a_character_split_between_two_packets_is_decoded(self, bench: Bench) -> None:
        body = (HEADER + "Łukasz Żółć,1,PL,5\r\n").encode()
        assert self.rows(bench, Reply(body=body, drip=0.0001)) == [("Łukasz Żółć", "1", "5")]

    def test_a_csv_file_may_be_larger_than_the_limit_for_json(self, bench: Bench) -> None:
        row = b"Driver With A Rather Long Name For The Purpose,123456,DE,1350\n"
        body = gzip.compress(HEADER.encode() + row * 300_000, 1)
        bench.linked(OVAL, Reply(body=body, headers={"Content-Encoding": "gzip"}))
        told: list[tuple[int, int | None]] = []
        rows = bench.api.csv(OVAL, WANTED, context(60), lambda *now: told.append(now))
        assert sum(1 for _ in rows) == 300_000
        assert told[-1] == (len(HEADER) + 300_000 * len(row), None)

    def test_the_size_is_told_where_it_is_known(self, bench: Bench) -> None:
        body = (HEADER + "A,1,DE,5\n").encode()
        bench.linked(OVAL, Reply(body=body, headers={"Content-Length": str(len(body))}))
        told: list[tuple[int, int | None]] = []
        assert list(bench.api.csv(OVAL, WANTED, context(), lambda *now: told.append(now)))
        assert told[-1] == (len(body), len(body))

    def test_a_failure_before_the_first_row_is_retried(self, bench: Bench) -> None:
        rows = self.rows(bench, Reply(500), Reply(403), Reply(body=(HEADER + "A,1,DE,5\n").encode()))
        assert len(rows) == 1
        assert bench.spent == 2

    def test_a_truncated_file_is_an_error(self, bench: Bench) -> None:
        body = (HEADER + "A,1,DE,5\n" * 50_000).encode()
        reply = Reply(body=body, headers={"Content-Length": str(len(body) + 9), "Connection": "close"})
        with pytest.raises(UnreachableError):
            self.rows(bench, reply)

    @pytest.mark.parametrize("body", [b"", b"<html>", b"null"])
    def test_a_file_that_is_not_csv_is_an_error(self, bench: Bench, body: bytes) -> None:
        with pytest.raises(UnreachableError):
            self.rows(bench, Reply(body=body))

    def test_an_empty_table_has_no_rows(self, bench: Bench) -> None:
        assert self.rows(bench, Reply(body=HEADER.encode())) == []

    def test_reading_may_stop_before_the_last_row(self, bench: Bench) -> None:
        bench.linked(OVAL, Reply(body=(HEADER + "A,1,DE,5\n" * 50_000).encode()))
        rows = bench.api.csv(OVAL, WANTED, context())
        next(rows)
        del rows
        assert bench.server.paths[-1] == "/asset"


def test_each_method_has_its_span_and_each_call_one_below_it(bench: Bench) -> None:
    names: list[str] = []

    class Spans(Counts):
        def span(self, name: str, **attributes: str | int) -> Any:
            names.append(name)
            return super().span(name)

    api = DataApi(bench.server.url, Transport(), bench.tokens, bench.meter, telemetry=Spans())
    for path, call in (ASKS["search"], ASKS["members"], ASKS["profile"]):
        bench.server.on(path, Reply(404))
        with pytest.raises(RefusedError):
            call(api)
    assert names == ["lookup", "upstream", "member_get", "upstream", "profile", "upstream"]
