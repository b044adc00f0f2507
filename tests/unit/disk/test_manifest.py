"""Manifests: canonical, signed, and refused for every reason there is."""

from __future__ import annotations

import hashlib
import json
import struct
from dataclasses import replace
from typing import Any

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from hypothesis import given
from hypothesis import strategies as st

from initramfs.agent.disk.errors import ManifestError
from initramfs.agent.disk.header import Filesystem, Firmware, Header, Kind
from initramfs.agent.disk.label import Label, LabelType, Partition
from initramfs.agent.disk.manifest import (
    LENGTH,
    MAGIC,
    MAX_FILE,
    MAX_RECORDS,
    RECORD,
    Range,
    State,
    decode,
    decode_draft,
    encode,
    encode_draft,
    sign,
)
from tests.support.images import KEY, MIB, PUBLIC

DIGEST = hashlib.sha256(b"x").digest()
LABEL = Label(
    LabelType.MBR,
    "12345678",
    (
        Partition(1, MIB, 4 * MIB, "83", "12345678-01", bootable=True),
        Partition(2, 5 * MIB, 3 * MIB, "5"),
        Partition(5, 6 * MIB, 2 * MIB, "82"),
    ),
)
DISK = Header("sda_Init", 3, Kind.DISK, 512, 10 * MIB, MIB, Firmware.BIOS, LABEL, user="anna", date=927628284)
BARE = Header(
    "sda5_Data", 1, Kind.PARTITION, 512, 1 << 40, MIB, filesystems=(Filesystem(0, "ext4", "u", "l", 9, 8, 9),)
)
DATA = Range(MIB, MIB, State.DATA, DIGEST)
ZERO = Range(2 * MIB, 3 * MIB, State.ZERO)


def forge(text: bytes, records: bytes = b"") -> bytes:
    """A file signed with the right key around any header."""
    body = MAGIC + LENGTH.pack(len(text)) + text + records
    return body + KEY.sign(body)


def header_json(**changes: Any) -> bytes:
    """A valid header's JSON with some fields changed."""
    data = encode(BARE, [], KEY)
    (length,) = struct.unpack_from("<I", data, 8)
    value = json.loads(data[12 : 12 + length]) | changes
    return json.dumps(value, sort_keys=True, separators=(",", ":")).encode()


def test_it_comes_back_as_it_was() -> None:
    """Header, label and ranges survive; the digest is the file's."""
    data = encode(DISK, [DATA, ZERO], KEY)
    manifest = decode(data, PUBLIC)
    assert manifest.header == DISK
    assert list(manifest.index) == [DATA, ZERO]
    assert manifest.index[-1] == ZERO
    assert list(manifest.index[:1]) == [DATA]
    assert manifest.digest == hashlib.sha256(data).digest()
    assert manifest.title == "sda_Init@3"


def test_it_is_as_compact_as_promised() -> None:
    """48 bytes for a chunk; the header once."""
    one, two = (len(encode(BARE, ranges, KEY)) for ranges in ([], [DATA]))
    assert two - one == 48


@st.composite
def many_ranges(draw: st.DrawFn) -> list[Range]:
    """Sorted ranges that do not overlap."""
    result, at = [], 0
    for _ in range(draw(st.integers(0, 20))):
        at += draw(st.integers(0, 1 << 20)) * 512
        if draw(st.booleans()):
            result.append(
                Range(
                    at,
                    draw(st.integers(1, 2048)) * 512,
                    State.DATA,
                    draw(st.binary(min_size=32, max_size=32)),
                )
            )
        else:
            result.append(Range(at, draw(st.integers(1, 1 << 24)) * 512, State.ZERO))
        at = result[-1].end
    return result


@given(many_ranges())
def test_any_index_comes_back(ranges: list[Range]) -> None:
    """Whatever a capture finds can be written down and read."""
    assert list(decode(encode(BARE, ranges, KEY), PUBLIC).index) == ranges


def test_a_draft_is_the_file_without_its_signature() -> None:
    """Whoever has the key reads it as strictly as the file, and signs."""
    draft = encode_draft(DISK, [DATA, ZERO])
    header, index = decode_draft(draft)
    assert (header, list(index)) == (DISK, [DATA, ZERO])
    assert sign(draft, KEY) == encode(DISK, [DATA, ZERO], KEY)
    for bad in (b"", draft[:20], draft[:-1], draft + b"x", b"X" + draft[1:]):
        with pytest.raises(ManifestError):
            decode_draft(bad)


@given(st.data())
def test_nobody_else_can_change_it(data: st.DataObject) -> None:
    """A flipped bit anywhere, or a missing end, is refused."""
    good = encode(DISK, [DATA, ZERO], KEY)
    bad = bytearray(good)
    bad[data.draw(st.integers(0, len(good) - 1))] ^= 1 << data.draw(st.integers(0, 7))
    with pytest.raises(ManifestError):
        decode(bytes(bad), PUBLIC)
    with pytest.raises(ManifestError):
        decode(good[: data.draw(st.integers(0, len(good) - 1))], PUBLIC)


def test_another_key_is_refused() -> None:
    """Only the appliance's own images are believed."""
    with pytest.raises(ManifestError, match="signed by somebody else"):
        decode(encode(DISK, [DATA], Ed25519PrivateKey.generate()), PUBLIC)


@pytest.mark.parametrize(
    "ranges",
    [
        [ZERO, DATA],
        [DATA, DATA],
        [DATA, Range(MIB + 512, 512, State.ZERO)],
        [Range(10 * MIB, 512, State.ZERO)],
        [Range(9 * MIB, 2 * MIB, State.ZERO)],
        [Range(MIB, 2 * MIB, State.DATA, DIGEST)],
        [Range(MIB, 512, State.ZERO, DIGEST)],
        [Range(MIB, 0, State.ZERO)],
        [Range(MIB - 512, 1024, State.ZERO)],
        [Range(4 * MIB, 2 * MIB, State.ZERO)],
    ],
    ids=[
        "unsorted",
        "twice",
        "overlap",
        "behind",
        "beyond",
        "large",
        "named zeros",
        "empty",
        "into",
        "out of",
    ],
)
def test_wrong_ranges_are_refused(ranges: list[Range]) -> None:
    """Overlapping, unsorted, outside of the disk, across a border: never read, never signed."""
    with pytest.raises(ManifestError):
        encode(DISK, ranges, KEY)


def test_an_unknown_state_is_refused() -> None:
    """A newer program's state is not guessed at."""
    with pytest.raises(ManifestError, match="state 7"):
        decode(forge(header_json(index_count=1), RECORD.pack(0, 1, 7, DIGEST)), PUBLIC)


def test_a_billion_chunks_are_refused_without_allocating_them() -> None:
    """The number of records must agree with the file's length."""
    with pytest.raises(ManifestError, match="announces 1000000000 ranges"):
        decode(forge(header_json(index_count=10**9)), PUBLIC)


def test_more_chunks_than_can_be_handled_are_refused() -> None:
    """Before they are looked at, with what to do."""
    count = MAX_RECORDS + 1
    data = forge(header_json(index_count=count), bytes(count * RECORD.size))
    with pytest.raises(ManifestError, match=f"has {count} ranges") as caught:
        decode(data, PUBLIC)
    assert caught.value.hint == "use larger chunks"
    assert len(data) < MAX_FILE + 2 * RECORD.size


def test_an_unknown_version_says_what_to_do() -> None:
    """An older agent refuses a newer image by name."""
    with pytest.raises(ManifestError, match="version 2") as caught:
        decode(forge(header_json(version=2)), PUBLIC)
    assert caught.value.hint


@pytest.mark.parametrize(
    "changes",
    [
        {"chunk_size": 1000},
        {"chunk_size": 1 << 30},
        {"sector_size": 513},
        {"size": 0},
        {"size": 100},
        {"size": -512},
        {"size": 1 << 70},
        {"size": True},
        {"size": "1"},
        {"generation": 0},
        {"kind": "floppy"},
        {"kind": ["disk"]},
        {"kind": "disk"},
        {"label": 5},
        {"name": "x" * 5000},
        {"surprise": 1},
        {"filesystems": [{}]},
        {"index_count": "many"},
    ],
)
def test_a_header_that_makes_no_sense_is_refused(changes: dict[str, Any]) -> None:
    """Every field has a type and bounds."""
    with pytest.raises(ManifestError):
        decode(forge(header_json(**changes)), PUBLIC)


@pytest.mark.parametrize(
    "text", [b"", b"{}", b"[]", b"[" * 100000, b'{"version":NaN}', b"\xff", b'{"version":1.5}']
)
def test_a_header_that_is_no_header_is_refused(text: bytes) -> None:
    """Also deep nesting and what JSON does not know."""
    with pytest.raises(ManifestError):
        decode(forge(text), PUBLIC)


def test_only_canonical_json_is_read() -> None:
    """One image, one digest: the same header with a space in it is another file."""
    with pytest.raises(ManifestError, match="canonical"):
        decode(forge(header_json().replace(b":", b": ", 1)), PUBLIC)


def test_a_label_that_overlaps_itself_is_refused() -> None:
    """A signed label is checked like one found on a disk."""
    broken = replace(LABEL, partitions=(*LABEL.partitions[:2], Partition(3, 2 * MIB, MIB, "83")))
    with pytest.raises(ManifestError, match="overlap"):
        encode(replace(DISK, label=broken), [], KEY)


@given(st.binary(max_size=300), st.booleans())
def test_garbage_gives_only_manifest_errors(garbage: bytes, prefixed: bool) -> None:  # noqa: FBT001 - hypothesis gives it
    """Whatever arrives, signed or not: one kind of error."""
    for data in (
        garbage,
        (MAGIC if prefixed else b"") + garbage,
        forge(garbage),
        forge(header_json(index_count=1), garbage),
    ):
        with pytest.raises(ManifestError):
            decode(data, PUBLIC)
