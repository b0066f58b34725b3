"""How much is tried: a few seconds in CI, as long as `scripts/fuzz.py` says by command."""

import os

from hypothesis import HealthCheck, Phase, settings

EXAMPLES = int(os.environ.get("FUZZ_EXAMPLES", "0"))
"""Runs of each machine; 0: the short form, the same runs each time."""


def effort(short: int, steps: int = 40) -> settings:
    """The settings of a machine: `short` runs in CI. What a long form finds is made small, what a short form
    finds was the last change."""
    return settings(
        max_examples=EXAMPLES or short,
        stateful_step_count=steps if EXAMPLES else 25,
        derandomize=not EXAMPLES,
        database=None,
        deadline=None,
        suppress_health_check=list(HealthCheck),
        phases=[phase for phase in settings().phases if phase in (Phase.generate, Phase.shrink)],
    )
