"""Tokens, signed links and freshness depend on the clock. It is compared with iRacing's."""

from email.utils import parsedate_to_datetime

from pitboard.ops.doctor.check import Check, Finding, Section, ok, problem, skipped, warning
from pitboard.ops.doctor.local_environment import LocalEnvironment

WARN_SECONDS, WRONG_SECONDS = 10.0, 60.0
"""An access token is valid for about ten minutes and is renewed a minute before its end."""


def local(environment: LocalEnvironment) -> Finding:
    probe = environment.probe()
    date = probe.answer.headers.get("Date", "") if probe.answer else ""
    try:
        iracing_time = parsedate_to_datetime(date).timestamp() + 0.5  # the header has whole seconds
    except (ValueError, TypeError):
        return skipped("iRacing's answer had no time to compare with.")
    # iRacing's clock was read at some time between the two readings of this machine's clock.
    skew = min(max(iracing_time, probe.sent_at), probe.received_at) - iracing_time
    if abs(skew) < WARN_SECONDS:
        return ok("This machine's clock agrees with iRacing's.")
    sentence = f"This machine's clock is {abs(skew):.0f} s {'ahead of' if skew > 0 else 'behind'} iRacing's."
    return problem(sentence) if abs(skew) >= WRONG_SECONDS else warning(sentence)


CHECK = Check(
    id="clock",
    title="The clock is right",
    section=Section.HOST,
    symptoms=("Tokens seem to end too early or too late", "iRacing refuses links that it has just given"),
    remedy="Synchronise the clock: `sudo timedatectl set-ntp true`, on Windows `w32tm /resync`.",
    local=local,
)
