"""iRacing's two hosts must answer."""

import time

from pitboard.drivers.errors import UpstreamError
from pitboard.ops.doctor.check import Check, Finding, Section, ok, problem
from pitboard.ops.doctor.local_environment import PROBE_SECONDS, LocalEnvironment


def local(environment: LocalEnvironment) -> Finding:
    probe = environment.probe()
    if probe.answer is None:
        return problem(probe.error)
    if probe.answer.status in (500, 502, 504):
        return problem(f"The Data API answers with status {probe.answer.status}.", "Wait, and try again.")
    try:  # The token endpoint refuses a GET, which shows that it can be reached.
        answer = environment.transport.get(
            environment.settings.upstream.oauth_url, time.monotonic() + PROBE_SECONDS
        )
    except UpstreamError as error:
        return problem(str(error))
    if answer.status in (500, 502, 504):
        return problem(f"The login service answers with status {answer.status}.", "Wait, and try again.")
    return ok("The Data API and the login service answer.")


CHECK = Check(
    id="upstream",
    title="iRacing can be reached",
    section=Section.HOST,
    symptoms=("Every new name is `unavailable`", "Errors mention a connection or a certificate"),
    remedy=(
        "Check the network, proxy and firewall with `curl -I https://members-ng.iracing.com/data/doc`, and"
        " that PITBOARD_OAUTH_URL and PITBOARD_DATA_URL are not set, or correct."
    ),
    local=local,
)
