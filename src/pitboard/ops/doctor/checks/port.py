"""The port of `pitboard serve` must be free, or used by Pitboard itself."""

import json
import time

from pitboard.drivers.errors import UpstreamError
from pitboard.drivers.health import State
from pitboard.local.server import PortTakenError, listen
from pitboard.ops.doctor.check import Check, Finding, Section, ok, problem
from pitboard.ops.doctor.local_environment import LocalEnvironment


def local(environment: LocalEnvironment) -> Finding:
    host, port = environment.settings.host, environment.settings.port
    try:
        listen(host, port).close()
    except PortTakenError as error:
        if is_pitboard(environment):
            return ok(f"Pitboard runs at {base(environment)}.")
        return problem(error.happened)
    return ok(f"Port {port} is free for `pitboard serve`.")


def base(environment: LocalEnvironment) -> str:
    """The local server's address."""
    host = f"[{environment.settings.host}]" if ":" in environment.settings.host else environment.settings.host
    return f"http://{host}:{environment.settings.port}"


def is_pitboard(environment: LocalEnvironment) -> bool:
    """Whether a Pitboard answers on the port."""
    try:
        answer = environment.transport.get(f"{base(environment)}/health", time.monotonic() + 3)
        return json.loads(answer.body)["status"] in set(State)
    except (UpstreamError, ValueError, KeyError, TypeError):
        return False


CHECK = Check(
    id="port",
    title="The port is free or used by Pitboard",
    section=Section.HOST,
    symptoms=("`pitboard serve` says that it cannot listen", "The addon gets answers that it cannot read"),
    remedy="Use another port with `pitboard serve --port 9000`, and set it in the addon's options.",
    local=local,
)
