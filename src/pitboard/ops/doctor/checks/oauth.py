"""The credentials must be complete, and iRacing must accept them."""

from dataclasses import asdict

from pitboard.aws import remedies as aws_remedies
from pitboard.aws.names import Names
from pitboard.aws.secret import parse
from pitboard.drivers.errors import CredentialsError
from pitboard.iracing.credentials import Credentials
from pitboard.iracing.token_state import TokenState
from pitboard.local import remedies as local_remedies
from pitboard.ops.doctor.check import Check, Finding, Section, ok, problem, skipped, warning
from pitboard.ops.doctor.local_environment import LocalEnvironment
from pitboard.ops.environment import AwsEnvironment


def local(environment: LocalEnvironment) -> Finding:
    try:
        environment.credentials.check()
    except CredentialsError as error:
        return problem(local_remedies.worded(error))
    tokens = environment.tokens()
    status = tokens.status() if tokens else None
    if status is None or not (status.valid or status.refusal or status.renewable):
        return skipped("The credentials are complete; they have not been used on this machine yet.")
    if status.refusal and not status.valid:
        return problem(local_remedies.worded(status.refusal))
    if status.refusal:
        return warning(f"The token is valid, but: {local_remedies.worded(status.refusal)}")
    return ok("The credentials are complete and iRacing accepts them.")


def aws(environment: AwsEnvironment) -> Finding:
    client, name = environment.client("secretsmanager"), environment.names.secret
    text = environment.secret()
    if text is None:
        if environment.found(client.describe_secret, "AccessDeniedException", SecretId=name) is None:
            return problem(f"The secret {name} does not exist, or you may not read it.")
        return skipped(f"The secret {name} exists; you may not read it, or it has no value yet.")
    try:
        credentials = parse(text, f"The secret {name}")
    except CredentialsError as error:
        return problem(str(error))
    if fault := malformed(credentials):
        return problem(f"The secret {name} {fault}.")
    return _token_finding(environment) or ok(f"The secret {name} is complete.")


def malformed(credentials: Credentials) -> str:
    """What is wrong with complete credentials ("": nothing), without their values."""
    if padded := [name for name, value in asdict(credentials).items() if value != value.strip()]:
        return f"has white space around {', '.join(padded)}"
    if "@" not in credentials.username:
        return "has a username that is not an e-mail address"
    return ""


def _token_finding(environment: AwsEnvironment) -> Finding | None:
    """What ir-auth has kept about a refusal by iRacing."""
    document = environment.token()
    if document is None:
        return None
    state = TokenState.parse(document)
    if state.refused_why:
        return problem(aws_remedies.worded(state.denial()))
    if state.blocked_why and not state.access_token:
        return problem(state.blocked_why)
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
        "Set the four credentials again: `pitboard login`, in AWS `pitboard deploy --update-secrets`."
        " Do not try passwords: iRacing limits logins."
    ),
    more=(
        (
            "Step by step in AWS: `aws secretsmanager describe-secret --secret-id"
            f" {Names('prod').secret}` (is it there?); `pitboard verify --env prod` (is it complete? its"
            " value is not shown); `aws iam get-role-policy --role-name ir-auth-role --policy-name"
            " SecretsManagerPolicy` (may ir-auth read it?); `pitboard logs --env prod --query logins`"
            " (what did iRacing answer?). The username is the account's e-mail address, not the name of"
            " the driver; it is masked in lower case, without white space at its ends. The endpoint is"
            " PITBOARD_OAUTH_URL."
        ),
    ),
    local=local,
    aws=aws,
)
