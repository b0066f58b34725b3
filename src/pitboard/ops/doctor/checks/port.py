"""The port of `pitboard serve`, or its Unix socket, must be free, or used by Pitboard itself."""

import json
import time

from pitboard.drivers.errors import UpstreamError
from pitboard.drivers.health import State
from pitboard.iracing.transport import Answer
from pitboard.local import unix_socket
from pitboard.local.server import PortTakenError, listen
from pitboard.ops.doctor.check import Check, Finding, Section, ok, problem
from pitboard.ops.doctor.local_environment import LocalEnvironment


def local(environment: LocalEnvironment) -> Finding:
    settings = environment.settings
    try:
        if settings.socket_path:
            unix_socket.is_left_over(settings.socket_path)
        else:
            listen(settings.host, settings.port).close()
    except (PortTakenError, OSError) as error:
        if is_pitboard(environment):
            return ok(f"Pitboard runs at {base(environment)}.")
        return problem(getattr(error, "happened", f"Cannot listen on {settings.host}: {error}."))
    free = settings.host if settings.socket_path else f"Port {settings.port}"
    return ok(f"{free} is free for `pitboard serve`.")


def base(environment: LocalEnvironment) -> str:
    """The local server's address; a Unix socket's is `unix:PATH`."""
    if environment.settings.socket_path:
        return environment.settings.host
    host = f"[{environment.settings.host}]" if ":" in environment.settings.host else environment.settings.host
    return f"http://{host}:{environment.settings.port}"


def ask(environment: LocalEnvironment, path: str, seconds: float) -> Answer:
    """What the running server answers its host. Raises an `UpstreamError`."""
    token = environment.settings.front.status_token
    if environment.settings.socket_path:
        return unix_socket.get(environment.settings.socket_path, path, seconds, token)
    return environment.transport.get(f"{base(environment)}{path}", time.monotonic() + seconds, bearer=token)


def is_pitboard(environment: LocalEnvironment) -> bool:
    """Whether a Pitboard answers there."""
    try:
        return json.loads(ask(environment, "/health", 3).body)["status"] in set(State)
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
