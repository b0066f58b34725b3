"""Prints the licences of the Python packages that are installed here, as JSON: name to SPDX expression.

    uv run scripts/licences.py

A package says its licence in one of three ways, of which only the newest, License-Expression, is SPDX. The
others are translated; where a package says nothing that can be translated, the value is "".
"""

import json
import re
import sys
from importlib.metadata import Distribution, distributions

CLASSIFIERS = {
    "MIT License": "MIT",
    "Apache Software License": "Apache-2.0",
    "BSD License": "BSD-3-Clause",
    "ISC License (ISCL)": "ISC",
    "Mozilla Public License 2.0 (MPL 2.0)": "MPL-2.0",
    "Python Software Foundation License": "PSF-2.0",
}
"""The classifiers that mean one licence. "BSD License" may mean two, of the same freedoms."""

TEXTS = {
    "MIT": "MIT",
    "BSD": "BSD-3-Clause",
    "3-Clause BSD License": "BSD-3-Clause",
    "BSD-3-Clause": "BSD-3-Clause",
    "Apache-2.0": "Apache-2.0",
    "MIT OR AFL-2.1": "MIT OR AFL-2.1",
}
"""The texts in the old field License that are names of licences."""


def installed() -> dict[str, str]:
    """The licence of each package that is installed, by its name as uv.lock has it."""
    found = {normal(one.name): licence(one) for one in distributions()}
    return dict(sorted(found.items()))


def normal(name: str) -> str:
    """A package's name as PEP 503 writes it."""
    return re.sub(r"[-_.]+", "-", name).lower()


def licence(one: Distribution) -> str:
    """A package's licence as an SPDX expression, "" if it does not say."""
    said = one.metadata
    if "License-Expression" in said:
        return said["License-Expression"]
    if "License" in said and said["License"] in TEXTS:
        return TEXTS[said["License"]]
    classifiers = [str(c).rsplit(" :: ", 1)[-1] for c in said.get_all("Classifier") or []]
    return " OR ".join(CLASSIFIERS[c] for c in classifiers if c in CLASSIFIERS)


if __name__ == "__main__":
    json.dump(installed(), sys.stdout, indent=2)
    print()
