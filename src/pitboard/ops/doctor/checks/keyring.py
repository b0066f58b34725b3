"""The credentials must be kept where no other user can read them."""

from pitboard.drivers.errors import CredentialsError, Remedy
from pitboard.local.credentials import clear_text_keyring, default_file, in_clear_text_keyring
from pitboard.local.remedies import SENTENCES
from pitboard.ops.doctor.check import Check, Finding, Fix, Section, ok, problem, skipped
from pitboard.ops.doctor.local_environment import LocalEnvironment


def local(environment: LocalEnvironment) -> Finding:
    file = environment.credentials_file or default_file()
    try:
        credentials = environment.credentials
    except CredentialsError as error:
        if error.remedy is Remedy.FIX_PERMISSIONS:
            return problem(str(error))
        if error.remedy is Remedy.SET_CREDENTIALS:
            return skipped("There are no credentials yet; `pitboard demo` works without.")
        return problem(str(error), SENTENCES[error.remedy], fixable=False)
    if in_clear_text_keyring():
        return problem(
            f"The keyring {clear_text_keyring()} keeps the credentials in clear text.",
            "Run `pitboard login`: they go to a file that only you can read. Or use the system's keyring.",
            fixable=False,
        )
    where = "a private file, in clear text," if file.exists() else "the keyring or the environment"
    return ok(f"The credentials of client {credentials.client_id[:2]}... come from {where}.")


def protect(environment: LocalEnvironment) -> str:
    file = environment.credentials_file or default_file()
    file.chmod(0o600)
    return f"Only you can read {file} now."


CHECK = Check(
    id="keyring",
    title="The credentials are kept safely",
    section=Section.HOST,
    symptoms=("Pitboard asks for credentials again", "Other users can read the credentials file"),
    remedy="Run `chmod 600` on the file that it names, or `pitboard login`.",
    local=local,
    fix=Fix("Make the credentials file readable by you alone?", local=protect),
)
