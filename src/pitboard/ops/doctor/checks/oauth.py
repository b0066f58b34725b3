"""Whether Pitboard can get a token: the credentials are complete and iRacing has not refused them."""

import json
from typing import Any

from pitboard.aws.names import SECRET_FIELDS
from pitboard.drivers.errors import CredentialsError
from pitboard.ops.doctor.check import Check, Finding, Section, ok, problem, skipped, warning
from pitboard.ops.doctor.local import Local
from pitboard.ops.environment import AwsEnvironment


def local(context: Local) -> Finding:
    try:
        context.credentials.check()
    except CredentialsError as error:
        return problem(str(error))
    tokens = context.tokens()
    status = tokens.status() if tokens else None
    if status is None or not (status.valid or status.why or status.renewable):
        return skipped("The credentials are complete; they have not been used on this machine yet.")
    if status.why and not status.valid:
        return problem(status.why)
    if status.why:
        return warning(f"The token at hand is valid, but: {status.why}")
    return ok("The credentials are complete and iRacing accepts them.")


def aws(context: AwsEnvironment) -> Finding:
    client, name = context.client("secretsmanager"), context.names.secret
    text = context.secret()
    if text is None:
        if context.found(client.describe_secret, "AccessDeniedException", SecretId=name) is None:
            return problem(f"The secret {name} is not there, or you may not read it.")
        return skipped(f"The secret {name} is there; you may not read it, or it has no value yet.")
    try:
        secret = json.loads(text)
    except ValueError:
        return problem(f"The secret {name} is not JSON.")
    if trouble := malformed(secret):
        return problem(f"The secret {name} {trouble}.")
    return _token_trouble(context) or ok(f"The secret {name} is complete.")


def malformed(secret: Any) -> str:
    """What is wrong with the secret's value, in words that betray nothing of it."""
    if not isinstance(secret, dict):
        return "is not a JSON object"
    if missing := [f for f in SECRET_FIELDS if not isinstance(secret.get(f), str) or not secret[f]]:
        return f"has no {', '.join(missing)}"
    if padded := [f for f in SECRET_FIELDS if secret[f] != secret[f].strip()]:
        return f"has white space around {', '.join(padded)}"
    if "@" not in secret["username"]:
        return "has a username that is no e-mail address"
    return ""


def _token_trouble(context: AwsEnvironment) -> Finding | None:
    token = context.token()
    if token and token.get("refused_why"):
        return problem(str(token["refused_why"]))
    if token and token.get("blocked_why") and not token.get("access_token"):
        return problem(str(token["blocked_why"]))
    return None


CHECK = Check(
    id="oauth",
    title="iRacing accepts the credentials",
    section=Section.RUNTIME,
    guide="OAuth 2.1 Authentication Failing",
    symptoms=(
        "401 Unauthorized, or `invalid_client`",
        "`unauthorized_client`: too many logins",
        "`invalid_grant`: wrong password, or the subscription has ended",
    ),
    remedy=(
        "Set the four credentials anew: `pitboard login`, in AWS `pitboard deploy --update-secrets`."
        " Do not try passwords out: iRacing counts."
    ),
    local=local,
    aws=aws,
)
