"""What the host of an AWS home does about a `CredentialsError`."""

from pitboard.drivers.errors import CredentialsError, Remedy

_UPDATE = "run `pitboard deploy --update-secrets`"

SENTENCES = {
    Remedy.SET_CREDENTIALS: f"Put the four credentials into it: {_UPDATE}.",
    Remedy.FIX_PERMISSIONS: "Run `pitboard deploy`: it sets the role's permissions.",
    Remedy.CHECK_LOGIN: (f"Check username and password and that the subscription is active, then {_UPDATE}."),
    Remedy.CHECK_CLIENT: f"Check client_id and client_secret, then {_UPDATE}.",
    Remedy.CHECK_ACCOUNT: (
        f"Check that the account is active and that the OAuth client may use it, then {_UPDATE}."
    ),
    Remedy.REGISTER_CLIENT: (
        "Ask iRacing to register the OAuth client for password_limited and the scope iracing.auth, then"
        f" {_UPDATE}."
    ),
    Remedy.LOG_IN: f"Check the credentials, then {_UPDATE}.",
    Remedy.LOG_IN_BROWSER: f"Functions log in with a password: {_UPDATE}.",
    Remedy.GET_FIRST_TOKEN: "A look-up gets one: run `pitboard verify`.",
}


def worded(error: Exception) -> str:
    """An error's sentence as it leaves this home: with the remedy, if it has one."""
    return error.worded(SENTENCES) if isinstance(error, CredentialsError) else str(error)
