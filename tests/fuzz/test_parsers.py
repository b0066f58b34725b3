"""Each parser with random bytes, and with good input that was changed a little."""

import pytest
from hypothesis import Phase, given, settings
from hypothesis import strategies as st
from tests.fuzz.conftest import EXAMPLES
from tests.fuzz.parsers import PARSERS, SEEDS


def changed(seed: bytes) -> st.SearchStrategy[bytes]:
    """A seed with a piece of it replaced."""

    def change(at: int, length: int, piece: bytes) -> bytes:
        return seed[:at] + piece + seed[at + length :]

    pieces = st.one_of(
        st.binary(max_size=6),
        st.sampled_from(
            [b"1e999", b"NaN", b"-1", b"null", b"[]", b'"', b"\x00", b"\\ud800", b"9" * 30, b"%"]
        ),
    )
    return st.builds(change, st.integers(0, len(seed)), st.integers(0, 8), pieces)


def test_every_parser_has_something_to_begin_with():
    assert PARSERS.keys() == SEEDS.keys()


@pytest.mark.parametrize("parser", PARSERS)
def test_it_does_what_it_says_whatever_it_is_given(parser):
    @settings(
        max_examples=EXAMPLES or 150,
        derandomize=not EXAMPLES,
        database=None,
        phases=[Phase.generate, Phase.shrink],
    )
    @given(st.one_of(st.binary(max_size=200), *map(changed, SEEDS[parser])))
    def feed(data: bytes) -> None:
        PARSERS[parser](data)

    feed()


@pytest.mark.parametrize(("parser", "seed"), [(name, seed) for name in SEEDS for seed in SEEDS[name]])
def test_it_reads_what_it_begins_with(parser, seed):
    PARSERS[parser](seed)
