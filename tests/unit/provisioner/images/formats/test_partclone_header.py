"""partclone's header, as partclone 0.3.23 wrote it for an ext4 of 24 MiB."""

from __future__ import annotations

import pytest

from provisioner.images.formats.partclone_header import read_header

EXT4 = bytes.fromhex(
    "706172746 36c6f6e652d696d61676500 302e332e32330000000000000000 30303032 dec0"
    "455854465300000000000000000000 00 0000800100000000 0060000000000000 970b000000000000 970b000000000000"
    "00040000 12000000 0200 4000 2000 0400 00040000 01 01 ec6887b7".replace(" ", "")
)


def test_what_it_says_and_how_long_the_image_is() -> None:
    """2967 used blocks of 1 KiB, a checksum for every 1024; the file had 3041406 bytes."""
    header = read_header(EXT4 + bytes(100))
    assert header is not None
    assert (header.filesystem, header.device, header.size, header.exact) == (
        "EXTFS",
        24 << 20,
        24 << 20,
        True,
    )
    assert header.length(2967) == 3041406
    assert header.bitmap == range(110, 110 + 3072)


@pytest.mark.parametrize(
    "head", [b"", EXT4[:100], EXT4[:30] + b"0009" + EXT4[34:], EXT4[:34] + b"\xc0\xde" + EXT4[36:]]
)
def test_what_only_partclone_may_understand(head: bytes) -> None:
    """Too short, of another version, from a big-endian machine."""
    assert read_header(head) is None


def test_version_1_tells_its_sizes() -> None:
    """Of partclone 0.2; how long such an image is, only partclone says."""
    head = (
        b"partclone-image" + b"NTFS".ljust(15, b"\0") + b"0001\0\0"
        + (4096).to_bytes(4, "little") + b"".join(n.to_bytes(8, "little") for n in (8192, 2, 1))
    )  # fmt: skip
    header = read_header(head.ljust(200, b"\0"))
    assert header is not None
    assert (header.filesystem, header.size, header.exact) == ("NTFS", 8192, False)
