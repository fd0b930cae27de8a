"""What strangers send is read or refused: no parser ends in anything but an answer or a refusal, or takes long.

Longer, and with coverage for a guide where atheris is installed: `python -m tests.security.fuzz --minutes 10`.
"""

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests.security.parsers import PARSERS, SEEDS, holds

PIECES = [*SEEDS, *(part for seed in SEEDS for part in seed.split(b" ") if part), b"\x00", b"\xff", b"\r\n", b"\xc3"]


PILED = (
    b"[", b"(", b'{"a":', b"{", b"-", b"NOT ", b"'", b'"', b"../", b"%2e", b",", b";", b"\\", b"- ", b"&a ",
)  # fmt: skip


@st.composite
def bent(draw: st.DrawFn) -> bytes:
    """Draw bytes that begin as something known: cut, joined, repeated, with letters exchanged."""
    raw = bytearray(b"".join(draw(st.lists(st.sampled_from(PIECES) | st.binary(max_size=20), min_size=1, max_size=4))))
    for _ in range(draw(st.integers(0, 4))):
        at = draw(st.integers(0, len(raw)))
        raw[at : at + draw(st.integers(0, 3))] = draw(st.binary(max_size=4))
    return bytes(raw) * draw(st.sampled_from([1, 1, 1, 2, 50]))


@pytest.mark.parametrize("name", PARSERS)
@settings(max_examples=60, derandomize=True, deadline=None, suppress_health_check=list(HealthCheck))
@given(raw=bent())
def test_anything_is_read_or_refused(name: str, raw: bytes) -> None:
    """By every parser."""
    holds(PARSERS[name], raw)


@pytest.mark.parametrize("name", PARSERS)
def test_what_is_nested_without_end_is_read_or_refused(name: str) -> None:
    """Brackets, quotes and operators by the ten thousand: no recursion without end, and no time without end."""
    for piece in PILED:
        holds(PARSERS[name], piece * 10_000)


def test_the_parsers_take_what_they_are_for() -> None:
    """Else the others would prove nothing: each seed is taken by somebody, and nearly each parser takes one."""
    takers = {name for name, parser in PARSERS.items() if any(holds(parser, seed) for seed in SEEDS)}
    assert set(PARSERS) - takers <= {"signing request", "signing request in PEM", "sealed value"}
