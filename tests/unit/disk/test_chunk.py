"""Chunks: the object and its name."""

from __future__ import annotations

from contextlib import suppress

import pytest
import zstandard
from hypothesis import given
from hypothesis import strategies as st

from initramfs.agent.disk.chunk import Packer, Unpacker, digest_of
from initramfs.agent.disk.errors import Corrupt

CONTENT = bytes(range(256)) * 1024


@given(st.binary(min_size=1, max_size=5000))
def test_any_content_comes_back(content: bytes) -> None:
    """What was packed is unpacked, whether it compresses or not."""
    data = Packer().pack(content)
    assert Unpacker().unpack(digest_of(content), data, len(content)) == content


@given(st.data())
def test_a_changed_object_is_corrupt(data: st.DataObject) -> None:
    """No flipped bit gives other content: it is found, or the content is the same."""
    packed = bytearray(Packer().pack(CONTENT))
    position = data.draw(st.integers(0, len(packed) - 1))
    packed[position] ^= 1 << data.draw(st.integers(0, 7))
    with suppress(Corrupt):
        assert Unpacker().unpack(digest_of(CONTENT), bytes(packed), len(CONTENT)) == CONTENT


@pytest.mark.parametrize("keep", [0, 3, 10, -1])
def test_a_truncated_object_is_corrupt(keep: int) -> None:
    """A body that ends early is no chunk."""
    with pytest.raises(Corrupt):
        Unpacker().unpack(digest_of(CONTENT), Packer().pack(CONTENT)[:keep], len(CONTENT))


def test_an_object_of_another_size_is_refused_before_it_is_decompressed() -> None:
    """A bomb claims gigabytes in a few bytes; the frame's own size betrays it."""
    bomb = zstandard.ZstdCompressor().compress(bytes(1 << 26))
    with pytest.raises(Corrupt, match="holds 67108864 bytes"):
        Unpacker().unpack(digest_of(CONTENT), bomb, len(CONTENT))


def test_an_object_without_a_size_is_refused() -> None:
    """Frames carry their size; one that does not is not ours."""
    frame = zstandard.ZstdCompressor(write_content_size=False).compress(CONTENT)
    with pytest.raises(Corrupt):
        Unpacker().unpack(digest_of(CONTENT), frame, len(CONTENT))
