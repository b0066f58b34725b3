"""A function with its layers must stay below Lambda's limit, unpacked."""

from pathlib import Path

from pitboard.ops.doctor.check import Check, Finding, Section, ok, problem, skipped, warning
from pitboard.ops.environment import AwsEnvironment

LIMIT = 262_144_000
"""Bytes, unpacked. Source: AWS Lambda quotas, and the error message itself."""

UNPACKED = 4
"""Unpacked, Python code with its bytecode has about four times the size of the zip."""

BUILT = Path("build") / "lambda"
"""Where `pitboard deploy` builds the package, in the checkout."""


def aws(environment: AwsEnvironment) -> Finding:
    if built := [folder for folder in BUILT.glob("*") if folder.is_dir()]:
        largest = max(sum(f.stat().st_size for f in folder.rglob("*") if f.is_file()) for folder in built)
        if largest > LIMIT:
            return problem(f"The built package has {largest:,} bytes unpacked; Lambda's limit is {LIMIT:,}.")
    sizes = {
        name: settings["CodeSize"] + sum(layer.get("CodeSize", 0) for layer in settings.get("Layers", ()))
        for name, settings in environment.functions().items()
    }
    if not sizes:
        return skipped("No function is deployed yet.")
    name, size = max(sizes.items(), key=lambda item: item[1])
    if size * UNPACKED > LIMIT:
        return warning(f"{name} with its layers has {size / 1e6:.0f} MB zipped, and may not fit unpacked.")
    return ok(f"The largest function with its layers has {size / 1e6:.1f} MB zipped.")


CHECK = Check(
    id="package-size",
    title="The functions' packages fit",
    section=Section.DEPLOYMENT,
    guide="Lambda Package Too Large",
    symptoms=("Unzipped size must be smaller than 262144000 bytes",),
    remedy="Find what is large with `du -sh build/lambda/*/* | sort -h`; boto3 need not be in it.",
    more=(
        (
            "The package has what `infra/bundle.py` lists and nothing for developers: 10 MB unpacked. It"
            " prunes botocore to what the functions call, which is 25 MB less, and keeps the bytecode,"
            " because compiling it costs time at each cold start. There are no layers: all functions but"
            " ir-addon share one package, and a layer counts for the same limit."
        ),
    ),
    aws=aws,
)
