"""The access token must be valid, and it must be possible to refresh it without a password login."""

import json
import time

from pitboard.aws.names import REFRESH_TOKEN_NOW
from pitboard.drivers.errors import StoreError, UpstreamError
from pitboard.iracing.token_state import LEASE, LOGINS_AN_HOUR, TokenState
from pitboard.local.remedies import worded
from pitboard.ops.doctor.check import Check, Finding, Fix, Section, ok, problem, skipped, warning
from pitboard.ops.doctor.local_environment import LocalEnvironment
from pitboard.ops.environment import AwsEnvironment

REFRESH_SECONDS = 8.0


def local(environment: LocalEnvironment) -> Finding:
    tokens = environment.tokens()
    if tokens is None:
        return skipped("This machine has not asked for a token yet.")
    status = tokens.status()
    if status.valid:
        return ok(f"The access token is valid for {status.expires_in:.0f} s more.")
    if status.renewable:
        return warning("The access token has expired; it can be refreshed without a login.")
    if status.refusal is None and status.logins_left == LOGINS_AN_HOUR:
        return skipped("This machine has not asked for a token yet.")
    if status.logins_left:
        left = f"{status.logins_left} password logins left this hour"
        return problem(f"There is no token, and no refresh token to get one with ({left}).", fixable=False)
    return problem("There is no token, and this hour's password logins are used up.", fixable=False)


def refresh(environment: LocalEnvironment) -> str:
    tokens = environment.tokens()
    if tokens is None:
        return "There is no token to refresh."
    try:
        tokens.access_token(time.monotonic() + REFRESH_SECONDS, may_login=False)
    except (UpstreamError, StoreError) as error:
        return f"It was not refreshed: {worded(error)}"
    return f"Refreshed; valid for {tokens.status().expires_in:.0f} s."


def aws(environment: AwsEnvironment) -> Finding:
    document = environment.token()
    if document is None:
        return skipped("ir-auth has not asked for a token yet.")
    token, now = TokenState.parse(document), time.time()
    if token.lease_owner and now > token.lease_until + LEASE and not token.valid(now):
        return warning("A refresh began and did not end; the next one takes over.")
    if token.valid(now):
        return ok(f"The access token is valid for {token.access_until - now:.0f} s more.")
    if token.refreshable(now):
        return warning("The access token has expired; it can be refreshed without a login.")
    left = "" if token.login_refusal(now) is None else ", and no password login may be made now"
    return problem(f"There is no token, and no refresh token to get one with{left}.", fixable=not left)


def invoke(environment: AwsEnvironment) -> str:
    client, name = environment.client("lambda"), environment.names.auth
    answer = client.invoke(FunctionName=name, Payload=json.dumps({"action": REFRESH_TOKEN_NOW}))
    body = json.loads(answer["Payload"].read() or b"null") or {}
    if answer.get("FunctionError"):
        return f"{name} failed; see `pitboard logs --env {environment.names.environment} --errors`."
    if "expires_in" in body:
        return f"{name} holds a token that is valid for {body['expires_in']} s."
    return f"{name} did not refresh it: {body.get('error', {}).get('message', 'it gives no reason')}"


CHECK = Check(
    id="token-refresh",
    title="The token is valid and can be refreshed",
    section=Section.RUNTIME,
    guide="Token Refresh Failing",
    symptoms=("Expired token errors", "A password login at every start", "Invalid refresh token"),
    remedy=(
        "Run `pitboard login` once, in AWS `pitboard verify`: this makes a password login and keeps its"
        " tokens."
    ),
    more=(
        (
            "The token's item has no end, so time to live does not delete it: its document has the ends"
            " of both tokens. Nothing of a token is logged, at no level; how long it is valid is in"
            " `pitboard doctor` and POST /auth."
        ),
        (
            "Ends of tokens are by the clock of the machine. In AWS it is AWS' and right; on a machine of"
            " your own `pitboard doctor --only clock` compares it with iRacing's."
        ),
    ),
    local=local,
    aws=aws,
    fix=Fix("Refresh the token now, without a password login?", local=refresh, aws=invoke),
)
