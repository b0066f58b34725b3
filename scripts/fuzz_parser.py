"""Runs one parser of tests/fuzz/parsers.py guided by coverage; scripts/fuzz.py starts it.

    uv run --with atheris==3.0.0 scripts/fuzz_parser.py PARSER FOLDER SECONDS

FOLDER has the inputs that reached something new, and gets more of them.
"""

import logging
import sys
from pathlib import Path

import atheris

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))
with atheris.instrument_imports(include=["pitboard", "tests.fuzz"]):
    from tests.fuzz.parsers import PARSERS, SEEDS


def main() -> None:
    """Begins with the seeds; ends after the time, or with what fails."""
    name, folder, seconds = sys.argv[1], Path(sys.argv[2]), sys.argv[3]
    logging.disable()  # a line for each input that is refused
    folder.mkdir(parents=True, exist_ok=True)
    for number, seed in enumerate(SEEDS[name]):
        (folder / f"seed-{number}").write_bytes(seed)
    options = [f"-max_total_time={seconds}", "-max_len=4096", f"-artifact_prefix={folder}-", "-verbosity=0"]
    print(f"{name}: {seconds} s", flush=True)
    atheris.Setup([sys.argv[0], *options, str(folder)], PARSERS[name])
    atheris.Fuzz()


if __name__ == "__main__":
    main()
