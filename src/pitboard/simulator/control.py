"""The control route: what `Simulator` offers in Python, over HTTP, for programs in other processes."""

import json
from typing import Any

from pitboard.simulator.calls import Calls
from pitboard.simulator.catalogue import CATEGORY_BY_KEY
from pitboard.simulator.clock import Clock, Window
from pitboard.simulator.faults import Faults
from pitboard.simulator.population import Population
from pitboard.simulator.wire import Request, Response, json_response

PATH = "/_control"


class Control:
    """GET tells the settings and the calls so far; POST changes; DELETE puts all faults back.

    A POST body is a JSON object: any setting of `Faults` by name, and
    `add`: a list of `{"kind", "endpoint", "times", "status", "retry_after", "error"}`,
    `advance`: seconds to put the clock forward, `logins_left`: password logins left in this hour,
    `calls_left`: Data API calls left in this minute, `rename`: `{"cust_id", "name"}`,
    `race`: `{"cust_id", "category", "irating", "sr"}`, `clear_calls`: true.
    """

    def __init__(
        self,
        faults: Faults,
        clock: Clock,
        calls: Calls,
        population: Population,
        logins: Window,
        limit: Window,
    ) -> None:
        self._faults = faults
        self._clock = clock
        self._calls = calls
        self._population = population
        self._windows = {"logins_left": logins, "calls_left": limit}

    def handle(self, request: Request) -> Response:
        """Answers one request. Web pages are kept out: they cannot hide their Origin."""
        if "origin" in request.headers:
            return json_response({"error": "not for web pages"}, 403)
        if request.method == "DELETE":
            self._faults.clear()
        elif request.method == "POST":
            try:
                self._change(json.loads(request.body))
            except (ValueError, TypeError, KeyError, AttributeError) as problem:
                return json_response({"error": f"{type(problem).__name__}: {problem}"}, 400)
        left = {name: window.remaining for name, window in self._windows.items()}
        return json_response({**self._faults.state(), **left, "calls": self._calls.by_endpoint()})

    def _change(self, wish: dict[str, Any]) -> None:
        for name, value in wish.items():
            if name in self._faults.state():
                self._faults.set(name, value)
            elif name in self._windows:
                leave(self._windows[name], value, self._clock.now())
            else:
                self._do(name, value)

    def _do(self, name: str, value: Any) -> None:
        match name:
            case "add":
                for fault in value:
                    self._faults.add(**fault)
            case "advance":
                self._clock.advance(float(value))
            case "rename":
                self._population.rename(value["cust_id"], value["name"])
            case "race":
                category = CATEGORY_BY_KEY[value["category"]]
                change = {key: int(value[key]) for key in ("irating", "sr") if key in value}
                self._population.race(value["cust_id"], category, self._clock.now(), **change)
            case "clear_calls":
                self._calls.clear()
            case _:
                raise KeyError(f"{name} is not known")


def leave(window: Window, calls: int, now: float) -> None:
    """Makes a window have so many calls left."""
    window.look(now)
    window.used = window.limit - int(calls)
