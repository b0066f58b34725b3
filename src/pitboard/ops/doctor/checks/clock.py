"""Tokens, signed links and freshness all go by the clock; here it is compared with iRacing's."""

from email.utils import parsedate_to_datetime

from pitboard.ops.doctor.check import Check, Finding, Section, ok, problem, skipped, warning
from pitboard.ops.doctor.local import Local

WARN_SECONDS, WRONG_SECONDS = 10.0, 60.0
"""An access token lives about ten minutes and is renewed a minute early."""


def local(context: Local) -> Finding:
    probe = context.probe()
    date = probe.answer.headers.get("Date", "") if probe.answer else ""
    try:
        theirs = parsedate_to_datetime(date).timestamp() + 0.5  # the header has whole seconds
    except (ValueError, TypeError):
        return skipped("iRacing told no time to compare with.")
    # Their clock was read at some time between the two readings of ours.
    skew = min(max(theirs, probe.sent_at), probe.came_at) - theirs
    if abs(skew) < WARN_SECONDS:
        return ok("This machine's clock agrees with iRacing's.")
    sentence = f"This machine's clock is {abs(skew):.0f} s {'ahead of' if skew > 0 else 'behind'} iRacing's."
    return problem(sentence) if abs(skew) >= WRONG_SECONDS else warning(sentence)


CHECK = Check(
    id="clock",
    title="The clock is right",
    section=Section.HOST,
    symptoms=("Tokens seem to end too early or too late", "Freshly fetched links are refused"),
    remedy="Set the clock by the network: `sudo timedatectl set-ntp true`, on Windows `w32tm /resync`.",
    local=local,
)
