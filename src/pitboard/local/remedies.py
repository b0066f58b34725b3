"""What the host of a local home does about a `CredentialsError`."""

from pitboard.drivers.errors import CredentialsError, Remedy

SENTENCES = {
    Remedy.SET_CREDENTIALS: "Set these variables, or run `pitboard login`.",
    Remedy.FIX_PERMISSIONS: "Run `chmod 600` on it, or `pitboard login`.",
    Remedy.CHECK_LOGIN: (
        "Check PITBOARD_USERNAME and PITBOARD_PASSWORD and that the subscription is active, then run"
        " `pitboard login`."
    ),
    Remedy.CHECK_CLIENT: "Check PITBOARD_CLIENT_ID and PITBOARD_CLIENT_SECRET, then run `pitboard login`.",
    Remedy.CHECK_ACCOUNT: (
        "Check that the account is active and that the OAuth client (PITBOARD_CLIENT_ID) may use it, then run"
        " `pitboard login`."
    ),
    Remedy.REGISTER_CLIENT: (
        "Ask iRacing to register the OAuth client (PITBOARD_CLIENT_ID) for password_limited and the scope"
        " iracing.auth, then run `pitboard login`."
    ),
    Remedy.LOG_IN: "Run `pitboard login`.",
    Remedy.LOG_IN_BROWSER: "Run `pitboard login --browser`.",
    Remedy.GET_FIRST_TOKEN: "Run `pitboard login`.",
}


def worded(error: Exception) -> str:
    """An error's sentence as it leaves this home: with the remedy, if it has one."""
    return error.worded(SENTENCES) if isinstance(error, CredentialsError) else str(error)
