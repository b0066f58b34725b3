"""Where the credentials are kept, and whether that is safe."""

from pitboard.drivers.errors import CredentialsError
from pitboard.local import credentials as kept
from pitboard.ops.doctor.check import Check, Finding, Fix, Section, ok, problem, skipped
from pitboard.ops.doctor.local import Local


def local(context: Local) -> Finding:
    file = context.credentials_file or kept.default_file()
    try:
        credentials = context.credentials
    except CredentialsError as error:
        if "Other users" in str(error):
            return problem(str(error))
        if "missing" in str(error):
            return skipped("No credentials are kept yet; `pitboard demo` works without.")
        return problem(str(error), "Run `pitboard login` anew.", fixable=False)
    where = "a private file" if file.exists() else "the keyring or the environment"
    return ok(f"The credentials of client {credentials.client_id[:2]}... come from {where}.")


def protect(context: Local) -> str:
    file = context.credentials_file or kept.default_file()
    file.chmod(0o600)
    return f"Only you can read {file} now."


CHECK = Check(
    id="keyring",
    title="The credentials are kept safely",
    section=Section.HOST,
    symptoms=("Pitboard asks for credentials that were given", "Others could read the credentials file"),
    remedy="Run `chmod 600` on the file it names, or `pitboard login` anew.",
    local=local,
    fix=Fix("Make the credentials file readable by you alone?", local=protect),
)
