"""The driver index must be young: new members and changed names come from it."""

import time

from pitboard.aws.names import ALIAS, NAME_KEY, REFRESH_INDEX
from pitboard.ops.doctor.check import Check, Finding, Section, ok, problem, skipped, warning
from pitboard.ops.doctor.local_environment import LocalEnvironment
from pitboard.ops.environment import AwsEnvironment
from pitboard.stores.index_file import index_age

HOUR = 3600.0
OLDEST = 48 * HOUR
"""Two refreshes have been missed."""


def local(environment: LocalEnvironment) -> Finding:
    settings = environment.settings
    age = index_age(settings.db, time.time())
    if age is None and not settings.index_hours:
        return skipped("The refresh is turned off, and there is no driver index.")
    if age is None and not settings.db.exists():
        return skipped("There is no database yet.")
    return _judged(age)


def aws(environment: AwsEnvironment) -> Finding:
    from pitboard.stores.dynamodb_index import HEAD, Head  # it needs AWS' library

    names = environment.names
    table = environment.table_in_use(names.custid_table)
    if table not in environment.tables() or names.index not in environment.functions():
        return skipped("ir-index is not deployed yet.")
    remedy = (
        f"Look why with `pitboard logs --env {names.environment} --errors`, then start one: "
        f'`echo \'{{"action": "{REFRESH_INDEX}"}}\' | aws lambda invoke --function-name '
        f"{names.index}:{ALIAS} --invocation-type Event --payload fileb:///dev/stdin /dev/null`."
    )
    answer = environment.client("dynamodb").get_item(TableName=table, Key={NAME_KEY: {"S": HEAD}})
    try:
        age = time.time() - Head.parse(answer["Item"]).made if "Item" in answer else None
    except (LookupError, ValueError):
        return problem(f"The item {HEAD} of {table} cannot be read.", remedy)
    return _judged(age, remedy)


def _judged(age: float | None, remedy: str = "") -> Finding:
    if age is None:
        return warning("There is no driver index yet: every new name is searched for.", remedy)
    if age > OLDEST:
        return warning(f"The driver index is {age / HOUR:.0f} hours old.", remedy)
    return ok(f"The driver index is {age / HOUR:.0f} hours old.")


CHECK = Check(
    id="index-age",
    title="The driver index is young",
    section=Section.DATA,
    symptoms=("New members are not found at once", "Ranks and ratings of seldom seen drivers are old"),
    remedy="Run `pitboard index refresh`; it says what is in the way.",
    local=local,
    aws=aws,
)
