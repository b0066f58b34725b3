"""A known driver is looked up again by name at iRacing. Costs one call."""

import json
import time

from pitboard.drivers import names
from pitboard.drivers.errors import CredentialsError, RefusedError, UpstreamError
from pitboard.drivers.model import CallContext
from pitboard.drivers.plan import exact_match
from pitboard.iracing.data_api import DataApi
from pitboard.local.remedies import worded
from pitboard.ops.doctor.check import Check, Finding, Fix, Section, ok, problem, skipped
from pitboard.ops.doctor.local_environment import LocalEnvironment


def local(environment: LocalEnvironment) -> Finding:
    record, tokens, meter = environment.newest_record(), environment.tokens(), environment.meter()
    if record is None or tokens is None or meter is None:
        return skipped("No driver is known yet.")
    if not tokens.status().valid:
        return skipped("There is no valid token for a look-up.")
    name = names.parse(json.loads(record.body)["member_info"]["display_name"])
    settings = environment.settings.upstream
    upstream = DataApi(
        settings.data_url, environment.transport, tokens, meter, link_hosts=settings.link_hosts
    )
    try:
        found = exact_match(name, upstream.search(name.shown, CallContext(time.monotonic() + 6)))
    except (CredentialsError, RefusedError) as error:
        return problem(worded(error), "Run `pitboard doctor --only oauth,token-refresh`.", fixable=False)
    except UpstreamError as error:
        return skipped(str(error))
    if found != record.cust_id:
        return problem(f"The driver kept as {name.shown} is not the one who has that name at iRacing now.")
    return ok("A known driver still has the same customer id at iRacing.")


def forget(environment: LocalEnvironment) -> str:
    record = environment.newest_record()
    if record is None or environment.store is None:
        return "There is nothing to delete."
    environment.store.forget([record.key])
    return "The driver was deleted and will be looked up again."


CHECK = Check(
    id="name-lookup",
    title="A known driver is found by name",
    section=Section.HOST,
    symptoms=(
        "The numbers beside a name belong to another driver",
        "A driver who changed names is not found",
    ),
    remedy="Run `pitboard doctor --only name-lookup --fix`: it deletes what is kept for the name.",
    local=local,
    fix=Fix("Delete what is kept for this name?", local=forget),
)
