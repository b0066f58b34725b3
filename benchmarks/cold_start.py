"""Cold starts under Lambda's runtime client, as a ratio to a bare handler in the same run.

    uv run --all-extras --all-groups python benchmarks/cold_start.py [--rounds 15] [--python 3.13]

The bare handler makes two boto3 clients (DynamoDB and Secrets Manager) and answers with nothing: what any
Python function that uses AWS pays. It has the whole of boto3 with bytecode, as our package has. All run on
the same Python; rounds are interleaved, so that a busy machine slows all alike. A cold start here is from
the start of the process to its request for the first event; exit code 1 if one of ours is slower than bare.
"""

import argparse
import statistics
import sys
import tempfile
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
sys.path[:0] = [str(ROOT), str(ROOT / "tests")]

from infra.config import PACKAGE_LIMIT  # noqa: E402
from tests.support.lambda_runtime import ARCHITECTURE, LambdaFunction  # noqa: E402

from infra import bundle  # noqa: E402 - they are in the checkout, not in a package

BARE = """
import boto3

dynamodb = boto3.client("dynamodb")
secrets = boto3.client("secretsmanager")


def lambda_handler(event, context):
    return {}
"""

ENVIRONMENT = {
    "ENVIRONMENT": "dev",
    "AUTH_TABLE": "ir_auth_dev",
    "CUSTID_TABLE": "ir_custid_dev",
    "DRIVERS_TABLE": "ir_drivers_dev",
    "SECRET_NAME": "iRacing/OAuth/Credentials-dev",
    "AUTH_FUNCTION": "ir-auth-dev:live",
    "RENEWALS_QUEUE": "https://sqs.us-east-1.amazonaws.com/000000000000/ir-renewals-dev",
}


def install(folder: Path, python: str, *names: str) -> Path:
    """Packages in the versions of uv.lock, compiled like ours."""
    versions = folder.with_suffix(".txt")
    export = ["export", "--locked", "--no-hashes", "--no-emit-project", "--all-extras", "--group", "infra"]
    bundle.uv(*export, "-o", str(versions))
    target = ["--target", str(folder), "--python", bundle.interpreter(python), "--no-compile"]
    bundle.uv("pip", "install", *target, "--link-mode", "copy", "--constraints", str(versions), *names)
    bundle.compile_all(folder, python)
    return folder


def bare_package(folder: Path, python: str) -> Path:
    """boto3 and the bare handler."""
    folder.mkdir()
    (folder / "bare.py").write_text(BARE)
    return install(folder, python, "boto3")


def main() -> int:
    """Runs the rounds and prints the table; 0 if every function meets the target."""
    options = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    options.add_argument("--rounds", type=int, default=15)
    options.add_argument("--python", default="3.13", help="a version that is installed here")
    given = options.parse_args()
    ours = bundle.build(given.python, ARCHITECTURE, PACKAGE_LIMIT).path
    with tempfile.TemporaryDirectory() as folder:
        client = install(Path(folder) / "client", given.python, "awslambdaric")
        cases = {"bare": ("bare.lambda_handler", bare_package(Path(folder) / "bare", given.python))}
        for kind in ("auth", "custid", "drivers"):  # ir-index answers nobody
            cases[f"ir-{kind}"] = (f"pitboard.aws.{kind}.lambda_handler", ours)
        times: dict[str, list[float]] = {name: [] for name in cases}
        for _ in range(given.rounds):
            for name, (handler, package) in cases.items():
                times[name].append(milliseconds(handler, package, given.python, client))
    return report(times, f"Python {given.python}, {given.rounds} rounds")


def milliseconds(handler: str, package: Path, python: str, client: Path) -> float:
    """One cold start."""
    with LambdaFunction(handler, ENVIRONMENT, package, bundle.interpreter(python), client) as function:
        return function.init_seconds * 1000


def report(times: dict[str, list[float]], title: str) -> int:
    """Prints the table; 1 if a function is slower than the bare one."""
    floor = statistics.median(times["bare"])
    print(f"{title}: cold start in ms")
    print(f"{'':<12}{'median':>8}{'best':>8}{'ratio':>8}")
    for name, taken in times.items():
        middle = statistics.median(taken)
        print(f"{name:<12}{middle:>8.0f}{min(taken):>8.0f}{middle / floor:>8.2f}")
    return int(any(statistics.median(taken) > floor for taken in times.values()))


if __name__ == "__main__":
    sys.exit(main())
