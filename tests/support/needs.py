"""What tests need besides Python packages: a test says so and is skipped where it is missing."""

import os
import shutil
from typing import Any, NoReturn

import pytest

NODE = "install Node.js 22 with npm (https://nodejs.org)"


def program(name: str, advice: str = "") -> str:
    """The path of a program. Skips the test without it; `advice` says how to get it.

    Without advice, the name is that of Debian's package.
    """
    return shutil.which(name) or miss(f"{name} is missing: {advice or f'apt-get install {name}'}")


def node() -> None:
    """Skips the test if Node.js or npm is missing."""
    for name in ("node", "npm", "npx"):
        program(name, NODE)


def cdk() -> Any:
    """CDK's library, `aws_cdk`. It starts `node` when it is imported: no test module does so at its top."""
    node()
    return pytest.importorskip(
        "aws_cdk", reason="CDK's library is missing: uv sync --all-groups --all-extras"
    )


def miss(sentence: str) -> NoReturn:
    """Skips the test with this sentence. In CI it fails: nothing may stay untested there without notice."""
    if os.environ.get("CI") == "true":
        pytest.fail(sentence)
    pytest.skip(sentence)
