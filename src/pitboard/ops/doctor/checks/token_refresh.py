"""Whether the access token is valid, and can be renewed without another password login."""

import json
import time

from pitboard.drivers.errors import StoreError, UpstreamError
from pitboard.iracing.token_state import LEASE, TokenState
from pitboard.ops.doctor.check import Check, Finding, Fix, Section, ok, problem, skipped, warning
from pitboard.ops.doctor.local import Local
from pitboard.ops.environment import AwsEnvironment

RENEW_SECONDS = 8.0


def local(context: Local) -> Finding:
    tokens = context.tokens()
    if tokens is None:
        return skipped("No token has been asked for on this machine yet.")
    status = tokens.status()
    if status.valid:
        return ok(f"The access token is valid for {status.expires_in:.0f} s more.")
    if status.renewable:
        return warning("The access token has ended; it can be renewed without a login.")
    if not status.why and status.logins_left == LOGINS:
        return skipped("No token has been asked for yet.")
    if status.logins_left:
        left = f"{status.logins_left} password logins left this hour"
        return problem(f"There is no token, and no refresh token to renew it with ({left}).", fixable=False)
    return problem("There is no token, and this hour's password logins are used up.", fixable=False)


LOGINS = 4


def renew(context: Local) -> str:
    tokens = context.tokens()
    if tokens is None:
        return "There is nothing to renew."
    try:
        tokens.access_token(time.monotonic() + RENEW_SECONDS, may_login=False)
    except (UpstreamError, StoreError) as error:
        return f"It was not renewed: {error}"
    return f"Renewed; valid for {tokens.status().expires_in:.0f} s."


def aws(context: AwsEnvironment) -> Finding:
    document = context.token()
    if document is None:
        return skipped("ir-auth has not asked for a token yet.")
    token, now = TokenState.parse(document), time.time()
    if token.lease_owner and now > token.lease_until + LEASE and not token.valid(now):
        return warning("A renewal was begun and never finished; the next one takes over.")
    if token.valid(now):
        return ok(f"The access token is valid for {token.access_until - now:.0f} s more.")
    if token.refreshable(now):
        return warning("The access token has ended; it can be renewed without a login.")
    left = "" if token.login_refusal(now) is None else ", and no password login may be made now"
    return problem(f"There is no token, and no refresh token to renew it with{left}.", fixable=not left)


def invoke(context: AwsEnvironment) -> str:
    client, name = context.client("lambda"), context.names.auth
    answer = client.invoke(FunctionName=name, Payload=json.dumps({"action": "refresh_token_now"}))
    told = json.loads(answer["Payload"].read() or b"null") or {}
    if answer.get("FunctionError"):
        return f"{name} failed; see `pitboard logs --env {context.names.environment} --errors`."
    if "expires_in" in told:
        return f"{name} holds a token that is valid for {told['expires_in']} s."
    return f"{name} did not renew it: {told.get('error', {}).get('message', 'it does not say why')}"


CHECK = Check(
    id="token-refresh",
    title="The token is valid and can be renewed",
    section=Section.RUNTIME,
    guide="Token Refresh Failing",
    symptoms=("Expired token errors", "A password login at every start", "Invalid refresh token"),
    remedy="Run `pitboard login` once: it makes one password login and keeps what comes of it.",
    local=local,
    aws=aws,
    fix=Fix("Renew the token now, without a password login?", local=renew, aws=invoke),
)
