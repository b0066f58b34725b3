"""iRacing disables an OAuth client that nobody used for 180 days (its OAuth book, "client inactivity")."""

import time

from pitboard.drivers.errors import CredentialsError
from pitboard.iracing.token_state import TokenState
from pitboard.ops.doctor.check import Check, Finding, Section, ok, problem, skipped, warning
from pitboard.ops.doctor.local import Local

DAY = 86_400.0
WARN_DAYS, DISABLED_DAYS = 90, 180
"""iRacing writes to the developer after 90, 120 and 150 days."""


def local(context: Local) -> Finding:
    try:
        username = context.credentials.username.strip().lower()
    except CredentialsError:
        return skipped("No credentials are kept.")
    document = context.store.documents.get(f"TOKEN:{username}") if context.store else None
    last = TokenState.parse(document.value).access_from if document else 0.0
    if not last:
        return skipped("This machine has never used the client.")
    days = (time.time() - last) / DAY
    if days >= DISABLED_DAYS:
        return problem(f"The client was last used {days:.0f} days ago; iRacing has disabled it by now.")
    if days >= WARN_DAYS:
        remedy = "Use it: `pitboard login`."
        return warning(f"The client was last used {days:.0f} days ago; after 180 it is disabled.", remedy)
    return ok(f"The client was last used {days:.0f} days ago.")


CHECK = Check(
    id="inactivity",
    title="The OAuth client is in use",
    section=Section.HOST,
    symptoms=("`invalid_client` after months without use", "Mails from iRacing about an unused client"),
    remedy="Ask iRacing to enable the client again, by answering its mail, then run `pitboard login`.",
    local=local,
)
