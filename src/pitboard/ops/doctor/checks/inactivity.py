"""iRacing disables an OAuth client after 180 days without use (its OAuth book, "client inactivity")."""

import time

from pitboard.drivers.errors import CredentialsError
from pitboard.iracing.token_state import TokenState
from pitboard.ops.doctor.check import Check, Finding, Section, ok, problem, skipped, warning
from pitboard.ops.doctor.local_environment import LocalEnvironment

DAY = 86_400.0
WARN_DAYS, DISABLED_DAYS = 90, 180
"""iRacing sends mails to the developer after 90, 120 and 150 days."""


def local(environment: LocalEnvironment) -> Finding:
    try:
        username = environment.credentials.username.strip().lower()
    except CredentialsError:
        return skipped("There are no credentials yet.")
    document = environment.store.documents.get(f"TOKEN:{username}") if environment.store else None
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
    remedy="Answer iRacing's mail and ask to enable the client again, then run `pitboard login`.",
    local=local,
)
