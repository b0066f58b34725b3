"""Tries random input for as long as you like; CI does the same for some seconds.

    uv run scripts/fuzz.py [NAME ...] [--minutes 10]

`machines`: random steps on store, token keeper, budget and service. `openapi`: random requests to the local
server and the functions. `parsers`: what reads bytes, guided by coverage (atheris, installed for this run).
`addon`: what the addon reads (fast-check). The minutes are shared among the names; a round that has begun is
ended, so that a name may take a minute more. What fails is printed as small as it could be made, with what is
needed to see it again; the other names go on. At the end a table; exit code 1 if something failed.
"""

import argparse
import os
import random
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
KEPT = ROOT / "build" / "fuzz"
"""The inputs that reached something new, by parser: the next run begins with them."""

ATHERIS = "atheris==3.0.0"
EXAMPLES = 50
"""Runs of each test in a round; then comes another seed."""

Fuzzer = Callable[[float], tuple[int, bool]]
"""Fuzzes for so many seconds; gives the rounds and whether all went well."""


def main() -> int:
    """Fuzzes what was asked for; 1 if something fails."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("names", nargs="*", metavar="NAME", help=f"of {', '.join(FUZZERS)}; all without one")
    parser.add_argument("--minutes", type=float, default=10.0, help="in all; 10 without")
    asked = parser.parse_args()
    if unknown := set(asked.names) - FUZZERS.keys():
        parser.error(f"there is no {', '.join(sorted(unknown))}; there are {', '.join(FUZZERS)}")
    names = asked.names or list(FUZZERS)
    lines, failed = [f"{'name':<10}{'rounds':>8}{'seconds':>9}  outcome"], False
    for name in names:
        print(f"== {name}", flush=True)
        begun = time.monotonic()
        count, good = FUZZERS[name](60 * asked.minutes / len(names))
        failed |= not good
        outcome = "nothing failed" if good else "FAILED, see above"
        lines.append(f"{name:<10}{count:>8}{time.monotonic() - begun:>9.0f}  {outcome}")
    print("\n" + "\n".join(lines))
    return int(failed)


def machines(seconds: float) -> tuple[int, bool]:
    return rounds(seconds, lambda seed: pytest(seed, "tests/fuzz"))


def openapi(seconds: float) -> tuple[int, bool]:
    return rounds(seconds, lambda seed: pytest(seed, "tests/contract/test_openapi_fuzz.py"))


def addon(seconds: float) -> tuple[int, bool]:
    """fast-check prints its seed when something fails."""
    command = ("npx", "vitest", "run", "--project", "unit", "test/unit/fuzz.test.ts")
    more = {"FUZZ_EXAMPLES": str(10 * EXAMPLES)}
    return rounds(seconds, lambda _: run(*command, folder=ROOT / "addon", more=more))


def parsers(seconds: float) -> tuple[int, bool]:
    """A round each. libFuzzer writes an input that fails to a file and says which."""
    sys.path.insert(0, str(ROOT))
    sys.path.insert(0, str(ROOT / "src"))
    from tests.fuzz.parsers import PARSERS

    each = max(1, round(seconds / len(PARSERS)))
    command = ("uv", "run", "--with", ATHERIS, "scripts/fuzz_parser.py")
    good = [run(*command, parser, str(KEPT / parser), str(each)) for parser in PARSERS]
    return len(good), all(good)


def rounds(seconds: float, once: Callable[[int], bool]) -> tuple[int, bool]:
    """Rounds with new seeds until the time is over or one fails; at least one."""
    begun = time.monotonic()
    count, good = 0, True
    while good and (not count or time.monotonic() - begun < seconds):
        good = once(random.SystemRandom().randrange(2**32))
        count += 1
        print(f"round {count}, {time.monotonic() - begun:.0f} of {seconds:.0f} s", flush=True)
    return count, good


def pytest(seed: int, *what: str) -> bool:
    command = ("uv", "run", "--all-groups", "--all-extras", "pytest", "-q", "-n", "0", "--timeout", "0")
    more = {"FUZZ_EXAMPLES": str(EXAMPLES)}
    return run(*command, f"--hypothesis-seed={seed}", *what, more=more)


def run(*command: str, folder: Path = ROOT, more: dict[str, str] | None = None) -> bool:
    """Runs a program, its output shown; whether it ended well."""
    done = subprocess.run(command, cwd=folder, env={**os.environ, **(more or {})}, check=False)
    return done.returncode == 0


FUZZERS: dict[str, Fuzzer] = {
    "machines": machines,
    "openapi": openapi,
    "parsers": parsers,
    "addon": addon,
}

if __name__ == "__main__":
    sys.exit(main())
