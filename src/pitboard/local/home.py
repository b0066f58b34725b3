"""The composition root of the local home: every part once, put together in plain sight."""

import logging
import threading
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from functools import partial

from pitboard.drivers.cars import CarService
from pitboard.drivers.dependencies import Dependencies
from pitboard.drivers.errors import CredentialsError, StoreError, UpstreamError
from pitboard.drivers.guard import GuardedIndex, GuardedStore
from pitboard.drivers.health import Health, Part, looked
from pitboard.drivers.history import HistoryService
from pitboard.drivers.ports import Telemetry, request_id
from pitboard.drivers.races import RaceService
from pitboard.drivers.service import LOOKUP_SECONDS, DriverService
from pitboard.iracing.credentials import Credentials
from pitboard.iracing.data_api import DataApi
from pitboard.iracing.meter import Meter
from pitboard.iracing.oauth import OAuth
from pitboard.iracing.tokens import TokenKeeper, token_part
from pitboard.iracing.transport import Transport
from pitboard.local import remedies
from pitboard.local.again import AskingAgain
from pitboard.local.members import LocalMembers
from pitboard.local.renewals import BackgroundRenewals, quietly
from pitboard.settings import Settings
from pitboard.stores import processes
from pitboard.stores.index_file import IndexFile
from pitboard.stores.sqlite import SqliteStore

CALLERS = 32
"""Upstream calls side by side: a page of twenty searches goes out at once."""

BEHIND = 4
"""The same for renewals in the background."""

PLANNERS = 8

LOOKUPS = 16
"""Look-ups of ids and charts side by side."""

HOUR = 3600.0

FIRST_INDEX_HOURS = 1.0
"""Hours after the start by which the first driver index should be there."""

OLD_INDEX = 2.0
"""An index is old after so many times the hours after which it should be made anew."""

CLOSING = 3.5
"""Seconds after `stop` by which a home is closed, whatever hangs."""

LAST_CALLS = 0.5
"""Seconds that calls under way are waited for, whose answers nobody takes in any more."""

log = logging.getLogger(__name__)


class LocalHome:
    """Everything that `pitboard serve`, `drivers` and `login` work with.

    Raises `StoreError` if the database cannot be used. `close` ends the threads and the connections.
    `lookup_seconds` is how long a look-up goes on, also behind the answer, so that the next one finds more.
    """

    def __init__(
        self,
        settings: Settings,
        credentials: Credentials,
        telemetry: Telemetry | None = None,
        clock: Callable[[], float] = time.time,
        lookup_seconds: float = LOOKUP_SECONDS,
    ) -> None:
        telemetry = telemetry or Telemetry()
        self.settings = settings
        self._clock = clock
        self.store = SqliteStore(settings.db, clock)
        self._transport = transport = Transport(request_id=request_id.get)
        oauth = OAuth(settings.upstream.oauth_url, transport)
        self.tokens = TokenKeeper(
            self.store.documents,
            oauth,
            credentials,
            clock=clock,
            telemetry=telemetry,
            worker=processes.mark,
            is_dead=processes.is_dead,
        )
        self.meter = Meter(self.store.documents, clock=clock, telemetry=telemetry)
        self.upstream = DataApi(
            settings.upstream.data_url,
            transport,
            self.tokens,
            self.meter,
            telemetry=telemetry,
            link_hosts=settings.upstream.link_hosts,
        )
        self._callers = ThreadPoolExecutor(CALLERS, "pitboard-call")
        self._behind = ThreadPoolExecutor(BEHIND, "pitboard-behind")
        self._planners = ThreadPoolExecutor(PLANNERS, "pitboard-plan")
        self._lookups = ThreadPoolExecutor(LOOKUPS, "pitboard-lookup")
        self.index = IndexFile(settings.db)
        self.members = LocalMembers(settings, self.store, self.index)
        dependencies = Dependencies(
            GuardedStore(self.store, self.members.kept, self.members.scrub_soon),
            self.upstream,
            self._callers,
            self._behind,
            self._lookups,
            GuardedIndex(self.index, self.members.kept),
            self.members.kept,
            clock,
            telemetry=telemetry,
            worded=remedies.worded,
        )
        self.renewals = BackgroundRenewals(telemetry)
        self._again = AskingAgain()
        self.service = DriverService(
            dependencies, self._planners, self.renewals, lookup_seconds=lookup_seconds, failed=self._again
        )
        self.histories = HistoryService(dependencies)
        self.cars = CarService(dependencies)
        self.races = RaceService(dependencies, self.cars)
        self._stopped_at = 0.0
        self._started_at = clock()
        self.renewals.start(self.service.renew, lambda: self.store.purge(clock()))
        self._again.start(self.service.ask_again, self.service.pause, self.upstream.back_at)

    def stop(self) -> None:
        """Begins no more calls and ends the waits for them, at once and without waiting itself: whoever waits
        for a look-up is answered with what there is, and leases are given up."""
        if not self._stopped_at:
            self._stopped_at = time.monotonic()
        self.meter.stop()
        self.tokens.stop()
        self.service.stop()
        for answers in (self.histories, self.cars, self.races):
            answers.stop()

    def close(self) -> None:
        """Stops, waits for what has begun until `CLOSING` seconds after `stop`, and closes the store.

        A renewal of the token is what most wants to be awaited: cut short, it costs a login. Calls whose
        answers nobody wants any more may still be waiting for them when this returns.
        """
        self.stop()
        end = self._stopped_at + CLOSING
        self.renewals.close(end - time.monotonic())
        self._again.close(end - time.monotonic())
        if not self.tokens.close(end - time.monotonic()):
            log.warning("a renewal of the token was cut short by the end")
        pools = (self._planners, self._lookups, self._callers, self._behind)
        for pool in pools:
            pool.shutdown(wait=False, cancel_futures=True)
        waiting = [threading.Thread(target=pool.shutdown, daemon=True) for pool in pools]
        for thread in waiting:
            thread.start()
        end = min(end, time.monotonic() + LAST_CALLS)
        for thread in waiting:
            thread.join(max(0.0, end - time.monotonic()))
        self._transport.close()
        self.members.close()
        self.index.close()
        self.store.close()

    def __enter__(self) -> "LocalHome":
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def sign_in(self, seconds: float = 15.0) -> None:
        """Makes sure that a token can be had, with a login if need be.

        Raises `CredentialsError` when somebody has to act; that iRacing is away for now is only logged.
        """
        try:
            self.tokens.access_token(time.monotonic() + seconds)
        except CredentialsError:
            raise
        except UpstreamError as error:
            log.warning("no token for now: %s", error)

    def sign_in_behind(self, say: Callable[[str], object]) -> None:
        """Gets a token in a thread of its own, trying for as long as it takes; `say` is told what keeps it
        from that, once each."""
        threading.Thread(target=self._sign_in, args=(say,), daemon=True, name="pitboard-sign-in").start()

    def _sign_in(self, say: Callable[[str], object]) -> None:
        said = ""
        while not self.tokens.stopped:
            pause = 5.0
            try:
                self.tokens.access_token(time.monotonic() + 15.0)
            except (UpstreamError, StoreError) as error:
                if self.tokens.stopped:
                    return
                sentence = remedies.worded(error)
                if sentence != said:
                    said = sentence
                    log.warning("there is no token yet: %s", sentence)
                    quietly(partial(say, f"There is no token yet: {sentence}"))
                if isinstance(error, CredentialsError) and error.retry_after is None:
                    return  # until somebody acts; `pitboard login` leaves a token in the store
                pause = getattr(error, "retry_after", None) or pause
            except Exception:
                log.exception("asking for a token failed")
            else:
                if said:
                    log.info("there is a token now")
                    quietly(partial(say, "There is a token now."))
                return
            self.tokens.pause(pause)

    # --- what the routes ask

    def now(self) -> float:
        """The home's clock: Unix seconds."""
        return self._clock()

    def check(self) -> int:
        """`http.state_routes.Auth`: seconds the token has left; a refresh is made if due, a login never."""
        self.tokens.access_token(time.monotonic() + 8, may_login=False)
        return int(self.tokens.status().expires_in)

    def health(self) -> Health:
        """How the parts are. Asks iRacing nothing."""
        return looked(
            {
                "store": self._store_part,
                "writes": self._writes_part,
                "token": lambda: token_part(self.tokens.status(), remedies.worded),
                "upstream": lambda: self.meter.part(self.upstream.last_calls),
                "index": self._index_part,
            }
        )

    def _store_part(self) -> Part:
        try:
            self.store.ping()
        except StoreError as error:
            return Part(False, str(error), vital=True)
        if damage := self.store.file.damage:
            return Part(False, damage, vital=True)
        return Part(True, f"The database answers. {self.store.file.news}".strip(), vital=True)

    def _writes_part(self) -> Part:
        """Whether the last write was kept. After one that was not it is tried whether that is over."""
        if self.store.file.write_failure:
            self.store.try_writing()
        return Part(True, "What was written last was kept.")

    def _index_part(self) -> Part:
        hours, as_of = self.settings.index_hours, self.index.ranks().as_of
        age = max(0.0, self._clock() - as_of) / HOUR if as_of else None
        if age is None:
            waited = (self._clock() - self._started_at) / HOUR
            ok = not hours or waited < FIRST_INDEX_HOURS
            return Part(
                ok, "There is no driver index; names are searched for one by one.", {"age_hours": None}
            )
        ok = not hours or age < OLD_INDEX * hours
        return Part(ok, f"The driver index is {age:.0f} h old.", {"age_hours": round(age, 1)})
