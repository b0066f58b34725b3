"""Whether `pitboard serve` runs on its port, could, or finds somebody else there."""

import json
import time

from pitboard.drivers.errors import UpstreamError
from pitboard.local.server import PortTakenError, listen
from pitboard.ops.doctor.check import Check, Finding, Section, ok, problem
from pitboard.ops.doctor.local import Local


def local(context: Local) -> Finding:
    host, port = context.settings.host, context.settings.port
    try:
        listen(host, port).close()
    except PortTakenError as error:
        if is_pitboard(context):
            return ok(f"Pitboard runs at {base(context)}.")
        return problem(str(error).split(" Choose ")[0])
    return ok(f"Port {port} is free for `pitboard serve`.")


def base(context: Local) -> str:
    """The local server's address."""
    host = f"[{context.settings.host}]" if ":" in context.settings.host else context.settings.host
    return f"http://{host}:{context.settings.port}"


def is_pitboard(context: Local) -> bool:
    """Whether a Pitboard answers on the port."""
    try:
        answer = context.transport.get(f"{base(context)}/health", time.monotonic() + 3)
        return json.loads(answer.body)["status"] in ("healthy", "unhealthy")
    except (UpstreamError, ValueError, KeyError, TypeError):
        return False


CHECK = Check(
    id="port",
    title="The port is ours or free",
    section=Section.HOST,
    symptoms=("`pitboard serve` says that it cannot listen", "The addon gets answers it does not understand"),
    remedy="Choose another port with `pitboard serve --port 9000`, and tell the addon in its options.",
    local=local,
)
