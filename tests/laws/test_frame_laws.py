"""Laws of the frames between the hub and a Function's process."""

import itertools

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hub.functions.runtime.frames import Decoder, Frame, encode

FRAMES = st.lists(
    st.builds(
        Frame,
        kind=st.integers(0, 255),
        call=st.integers(0, 2**32 - 1),
        header=st.binary(max_size=40),
        body=st.binary(max_size=200),
    ),
    max_size=8,
)


def pieces(whole: bytes, cuts: list[int]) -> list[bytes]:
    """Return bytes cut at these places."""
    places = [0, *sorted(cut % (len(whole) + 1) for cut in cuts), len(whole)]
    return [whole[start:end] for start, end in itertools.pairwise(places)]


@given(FRAMES, st.lists(st.integers(0, 10_000), max_size=20))
def test_however_the_bytes_are_split_the_same_frames_come_out(frames: list[Frame], cuts: list[int]) -> None:
    """Any split of the bytes of some frames gives exactly these frames, in order."""
    decoder = Decoder()
    whole = b"".join(encode(frame) for frame in frames)
    assert frames == [frame for piece in pieces(whole, cuts) for frame in decoder.feed(piece)]


@given(st.binary(max_size=100), st.lists(st.integers(0, 200), max_size=5))
def test_arbitrary_bytes_are_frames_or_refused(raw: bytes, cuts: list[int]) -> None:
    """A decoder never raises anything but ValueError, and never invents bytes."""
    decoder = Decoder()
    try:
        frames = [frame for piece in pieces(raw, cuts) for frame in decoder.feed(piece)]
    except ValueError:
        return
    assert raw.startswith(b"".join(encode(frame) for frame in frames))


def test_a_header_longer_than_its_frame_is_refused() -> None:
    """A frame whose parts contradict its length is refused at once."""
    broken = bytearray(encode(Frame(1, 1, b"head", b"")))
    broken[9:13] = (5000).to_bytes(4, "big")
    with pytest.raises(ValueError, match="not a frame"):
        Decoder().feed(bytes(broken))
