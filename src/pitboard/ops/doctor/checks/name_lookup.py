"""The whole way once: a driver who is known is looked up by name again. Costs one call."""

import json
import time

from pitboard.drivers import names
from pitboard.drivers.errors import CredentialsError, RefusedError, UpstreamError
from pitboard.drivers.model import CallContext
from pitboard.drivers.plan import exact_match
from pitboard.iracing.data_api import DataApi
from pitboard.ops.doctor.check import Check, Finding, Fix, Section, ok, problem, skipped
from pitboard.ops.doctor.local import Local


def local(context: Local) -> Finding:
    record, tokens, meter = context.newest_record(), context.tokens(), context.meter()
    if record is None or tokens is None or meter is None:
        return skipped("No driver is known yet.")
    if not tokens.status().valid:
        return skipped("There is no valid token to look anybody up with.")
    name = names.parse(json.loads(record.body)["member_info"]["display_name"])
    upstream = DataApi(context.settings.upstream.data_url, context.transport, tokens, meter)
    try:
        found = exact_match(name, upstream.search(name.shown, CallContext(time.monotonic() + 6)))
    except (CredentialsError, RefusedError) as error:
        return problem(str(error), "Run `pitboard doctor --only oauth,token-refresh`.", fixable=False)
    except UpstreamError as error:
        return skipped(str(error))
    if found != record.cust_id:
        return problem(f"The driver kept as {name.shown} is not the one that iRacing knows by that name now.")
    return ok("A known driver is found again under the same customer id.")


def forget(context: Local) -> str:
    record = context.newest_record()
    if record is None or context.store is None:
        return "There is nothing to forget."
    context.store.forget([record.key])
    return "The driver is forgotten and will be looked up anew."


CHECK = Check(
    id="name-lookup",
    title="A known driver is found by name",
    section=Section.HOST,
    symptoms=("The numbers beside a name are somebody else's", "A driver who changed names is not found"),
    remedy="Run `pitboard doctor --only name-lookup --fix`: it forgets what was kept for the name.",
    local=local,
    fix=Fix("Forget what is kept for this name?", local=forget),
)
