"""What programs of others, which Pitboard starts, see of the environment: what they need, and no secret."""

import os
from collections.abc import Mapping

_NAMES = {
    "APPDATA", "CI", "COMSPEC", "CURL_CA_BUNDLE", "HOME", "HOMEDRIVE", "HOMEPATH", "LANG", "LANGUAGE",
    "LOCALAPPDATA", "LOGNAME", "NO_COLOR", "NO_PROXY", "NUMBER_OF_PROCESSORS", "OS", "PATH", "PATHEXT",
    "PROGRAMDATA", "PROGRAMFILES", "REQUESTS_CA_BUNDLE", "SHELL", "SSL_CERT_DIR", "SSL_CERT_FILE",
    "SYSTEMDRIVE", "SYSTEMROOT", "TEMP", "TERM", "TMP", "TMPDIR", "TZ", "USER", "USERPROFILE", "WINDIR",
}  # fmt: skip
_BEGINNINGS = ("LC_", "NODE_", "NPM_CONFIG_", "XDG_", "HTTP_PROXY", "HTTPS_PROXY")
FOR_CDK = ("AWS_", "CDK_", "JSII_", "PYENV_", "PYTHON", "UV_", "VIRTUAL_ENV")
"""What else begins so and goes to CDK, which signs in at AWS, and to its Python app with uv."""


def environment(*more: str, given: Mapping[str, str] | None = None) -> dict[str, str]:
    """The variables that a program gets: those of the system, of Node.js and npm, and those that begin with
    one of `more`. iRacing's credentials, tokens and everything else that happens to be set stay here."""
    given = os.environ if given is None else given
    beginnings = (*_BEGINNINGS, *more)
    return {
        name: value
        for name, value in given.items()
        if name.upper() in _NAMES or name.upper().startswith(beginnings)
    }
