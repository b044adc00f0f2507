"""Chunks: the object and its name."""

from __future__ import annotations

import struct
from contextlib import suppress

import pytest
import zstandard
from hypothesis import given
from hypothesis import strategies as st

from initramfs.imaging.errors import Corrupt
from initramfs.imaging.format.chunk import FRAME_MAGIC, Packer, Unpacker, digest_of
from provisioner.stores.wrappers import check

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


def blocks(*contents: bytes, window: int) -> bytes:
    """A frame of raw blocks that declares a window of 2^``window`` bytes (RFC 8878, 3.1.1)."""
    head = struct.pack("<4sBBQ", FRAME_MAGIC, 3 << 6, (window - 10) << 3, len(CONTENT))
    for number, content in enumerate(contents, 1):
        head += ((number == len(contents)) | len(content) << 3).to_bytes(3, "little") + content
    return head


SKIPPABLE = b"\x50\x2a\x4d\x18\4\0\0\0abcd"
HALVES = CONTENT[: len(CONTENT) // 2], CONTENT[len(CONTENT) // 2 :]
PACK = zstandard.ZstdCompressor().compress
SUMMED = zstandard.ZstdCompressor(write_checksum=True).compress(CONTENT)
DICTIONARY = zstandard.train_dictionary(1024, [CONTENT[i * 64 : i * 64 + 256] for i in range(1024)])


@pytest.mark.parametrize(
    "data",
    [
        blocks(*HALVES, window=20),
        blocks(*HALVES, window=23),
        blocks(*HALVES, b"", window=23),
        SUMMED,
        zstandard.ZstdCompressor(level=22).compress(CONTENT),
    ],
    ids=["1 MiB", "8 MiB", "empty block", "checksum", "level 22"],
)
def test_whatever_is_one_frame_is_an_object(data: bytes) -> None:
    """The level and the form of the blocks are the writer's choice."""
    assert Unpacker().unpack(digest_of(CONTENT), data, len(CONTENT)) == CONTENT
    check(digest_of(CONTENT), data)


@pytest.mark.parametrize(
    "data",
    [
        PACK(CONTENT) + b"\0",
        PACK(CONTENT) + PACK(b""),
        PACK(CONTENT) + SKIPPABLE,
        SKIPPABLE + PACK(CONTENT),
        PACK(HALVES[0]) + PACK(HALVES[1]),
        SUMMED[:-1] + bytes([SUMMED[-1] ^ 1]),
        SUMMED[:-1],
        blocks(*HALVES, b"more", window=23),
        blocks(*HALVES, b"", window=23)[:-3],
        blocks(*HALVES, window=24),
        blocks(*HALVES, window=31),
        zstandard.ZstdCompressor(dict_data=DICTIONARY).compress(CONTENT),
    ],
    ids=[
        "byte behind", "frame behind", "skippable behind", "skippable before", "two frames", "wrong checksum",
        "cut checksum", "more than it says", "no last block", "16 MiB window", "2 GiB window", "dictionary",
    ],
)  # fmt: skip
def test_an_object_is_one_frame_and_nothing_else(data: bytes) -> None:
    """Though its content may be right: every reader must be able to read it, in bounded memory."""
    with pytest.raises(Corrupt):
        Unpacker().unpack(digest_of(CONTENT), data, len(CONTENT))
    with pytest.raises(Corrupt):
        check(digest_of(CONTENT), data)


def test_an_object_without_a_size_is_refused() -> None:
    """Frames carry their size; one that does not is not ours."""
    frame = zstandard.ZstdCompressor(write_content_size=False).compress(CONTENT)
    with pytest.raises(Corrupt):
        Unpacker().unpack(digest_of(CONTENT), frame, len(CONTENT))
