"""Whether iRacing's two hosts answer at all."""

import time

from pitboard.drivers.errors import UpstreamError
from pitboard.ops.doctor.check import Check, Finding, Section, ok, problem
from pitboard.ops.doctor.local import PROBE_SECONDS, Local


def local(context: Local) -> Finding:
    probe = context.probe()
    if probe.answer is None:
        return problem(probe.trouble)
    if probe.answer.status in (500, 502, 504):
        return problem(f"The Data API answers with status {probe.answer.status}.", "Wait, and try again.")
    try:  # A GET is no grant: the token endpoint refuses it, and by that shows that it is there.
        answer = context.transport.get(context.settings.upstream.oauth_url, time.monotonic() + PROBE_SECONDS)
    except UpstreamError as error:
        return problem(str(error))
    if answer.status in (500, 502, 504):
        return problem(f"The login service answers with status {answer.status}.", "Wait, and try again.")
    return ok("The Data API and the login service answer.")


CHECK = Check(
    id="upstream",
    title="iRacing can be reached",
    section=Section.HOST,
    symptoms=("Every new name is `unavailable`", "Errors speak of a connection or a certificate"),
    remedy=(
        "Check the network, proxy and firewall with `curl -I https://members-ng.iracing.com/data/doc`, and"
        " that PITBOARD_OAUTH_URL and PITBOARD_DATA_URL are unset or right."
    ),
    local=local,
)
