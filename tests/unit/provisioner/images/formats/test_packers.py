"""Decompressors: what packers' own programs let pass is damage here."""

from __future__ import annotations

import bz2
import gzip
import lzma
import random
import struct
from collections.abc import Callable

import pytest
import zstandard

from provisioner.images.formats.packers import DamagedError, packer_of

CONTENT = random.Random(1).randbytes(100_000) + bytes(300_000)
PACK: dict[str, Callable[[bytes], bytes]] = {
    "gzip": gzip.compress,
    "zstd": zstandard.compress,
    "bzip2": bz2.compress,
    "xz": lzma.compress,
}
packed = pytest.mark.parametrize("name", list(PACK))


def content_of(data: bytes) -> bytes:
    """Unpacked by what its first bytes say it is, read in uneven blocks."""
    packer = packer_of(data)
    assert packer is not None
    return b"".join(packer.unpack(data[at : at + 7001] for at in range(0, len(data), 7001)))


@packed
def test_members_follow_each_other(name: str) -> None:
    """pigz, pbzip2 and pzstd make many; zeros behind the last one fill a tape's block."""
    pack = PACK[name]
    data = pack(CONTENT[:50_000]) + pack(b"") + pack(CONTENT[50_000:]) + bytes(20_000)
    assert packer_of(data) is not None
    assert content_of(data) == CONTENT


@packed
@pytest.mark.parametrize("left", [20, 5_000, 60_000])
def test_a_stream_that_ends_early_is_damage(name: str, left: int) -> None:
    """Wherever it ends."""
    with pytest.raises(DamagedError, match="ends early"):
        content_of(PACK[name](CONTENT)[:left])


@packed
@pytest.mark.parametrize("behind", [b"garbage", bytes(100) + b"garbage", b"\x1f\x8b damaged member"])
def test_what_follows_the_last_member_is_damage(name: str, behind: bytes) -> None:
    """bzip2 and xz would stop there without a word: the second half of an image would be lost."""
    with pytest.raises(DamagedError):
        content_of(PACK[name](CONTENT) + behind)


@packed
def test_the_second_member_is_checked_too(name: str) -> None:
    """A flipped bit in its middle."""
    first, second = PACK[name](CONTENT[:50_000]), bytearray(PACK[name](CONTENT[50_000:]))
    second[len(second) // 2] ^= 1
    if name == "zstd":  # without a checksum, as the library makes them, most flips cannot be seen
        second[:4] = b"oops"
    with pytest.raises(DamagedError):
        content_of(first + bytes(second))


def test_zstd_may_begin_with_a_frame_that_says_nothing() -> None:
    """As pzstd writes it before every frame; a file of such frames alone holds nothing."""
    skippable = struct.pack("<II", 0x184D2A50, 4) + b"size"
    assert content_of(skippable + zstandard.compress(CONTENT) + skippable) == CONTENT
    assert content_of(skippable) == b""


def test_zstd_of_a_long_window_is_read() -> None:
    """``zstd --long=31``; most libraries refuse it."""
    parameters = zstandard.ZstdCompressionParameters(window_log=31, enable_ldm=True)
    stream = zstandard.ZstdCompressor(compression_params=parameters).compressobj()
    data = stream.compress(CONTENT) + stream.flush()
    assert content_of(data) == CONTENT


def test_lzma_without_a_magic_is_known() -> None:
    """Of known and unknown size, as xz --format=lzma and LZMA Utils make it."""
    data = lzma.compress(CONTENT, format=lzma.FORMAT_ALONE)
    assert content_of(data) == CONTENT
    known = data[:5] + struct.pack("<Q", len(CONTENT)) + data[13:]
    packer = packer_of(known)
    assert packer is not None
    assert packer.name == "lzma"


@pytest.mark.parametrize("data", [b"", b"BZh", b"BZh9 text", b"]\0" + b"noise" * 5, bytes(64)])
def test_other_bytes_are_not_packed(data: bytes) -> None:
    """Three letters are no magic."""
    assert packer_of(data) is None
