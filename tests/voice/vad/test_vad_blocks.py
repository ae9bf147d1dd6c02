"""Cutting a stream into blocks: nothing lost, nothing twice, whatever the cuts."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from roomkit.voice.vad.base import Blocks


@given(pieces=st.lists(st.binary(max_size=50), max_size=20))
def test_blocks_do_not_depend_on_how_the_stream_was_cut(pieces: list[bytes]) -> None:
    blocks = Blocks(8)

    cut = [block for piece in pieces for block in blocks.feed(piece)]

    whole = b"".join(pieces)
    assert cut == [whole[i : i + 8] for i in range(0, len(whole) - len(whole) % 8, 8)]
    rest = whole[len(cut) * 8 :]
    assert blocks.flush() == rest[: len(rest) - len(rest) % 2]
    assert blocks.flush() == b""


@pytest.mark.parametrize("size", [0, -2, 3])
def test_a_block_of_half_samples_is_refused(size: int) -> None:
    with pytest.raises(ValueError, match="even number"):
        Blocks(size)
