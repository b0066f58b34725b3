"""`python -m pitboard.simulator`: the simulator alone, until Ctrl-C."""

import argparse
import shlex
import sys
import time
from contextlib import suppress
from pathlib import Path

from pitboard.simulator.control import PATH
from pitboard.simulator.population import Population
from pitboard.simulator.server import Simulator


def main(arguments: list[str] | None = None) -> int:
    """Runs the simulator and prints the environment that uses it. Exit 2: a port is taken."""
    options = _parser().parse_args(arguments)
    try:
        simulator = Simulator(
            Population(options.drivers, options.seed),
            latency=options.latency / 1000,
            link_latency=options.link_latency / 1000,
            port=options.port,
            lists=options.lists,
        )
    except OSError as error:
        print(f"pitboard.simulator: {error}; choose another --port.", file=sys.stderr)
        return 2
    with suppress(KeyboardInterrupt), simulator:
        for name, value in simulator.environment().items():
            print(f"export {name}={shlex.quote(value)}")
        print(
            f"# {options.drivers:,} drivers. Faults: curl {simulator.data_url}{PATH}. Ctrl-C ends it.",
            flush=True,
        )
        while True:
            time.sleep(3600)
    return 0


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="python -m pitboard.simulator",
        description="A stand-in for iRacing's OAuth service, Data API and asset host on 127.0.0.1, with "
        "invented drivers. Prints the environment variables that make Pitboard use it.",
        epilog="example: python -m pitboard.simulator --port 9100 --latency 300",
    )
    parser.add_argument("--port", type=int, default=0, help="first of three ports (default: three free ones)")
    parser.add_argument(
        "--drivers", type=int, default=120_000, help="size of the population (default: 120000)"
    )
    parser.add_argument("--seed", type=int, default=1, help="another seed, other drivers (default: 1)")
    parser.add_argument("--latency", type=float, default=120, help="milliseconds of a call (default: 120)")
    parser.add_argument("--link-latency", type=float, default=40, help="milliseconds of a link (default: 40)")
    parser.add_argument("--lists", type=Path, help="a folder of CSV files to give as the drivers' lists")
    return parser


if __name__ == "__main__":
    sys.exit(main())
