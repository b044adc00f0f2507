"""Manifests: canonical, signed, and refused for every reason there is."""

from __future__ import annotations

import hashlib
import json
import struct
from dataclasses import asdict, replace
from functools import reduce
from operator import getitem
from typing import Any

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from hypothesis import given
from hypothesis import strategies as st

from initramfs.imaging.errors import ManifestError
from initramfs.imaging.format.header import Filesystem, Header, Kind
from initramfs.imaging.format.index import RECORD, Range, State
from initramfs.imaging.format.manifest import MAX_RECORDS
from initramfs.imaging.format.signed import (
    LENGTH,
    MAGIC,
    MAX_FILE,
    decode,
    decode_draft,
    encode,
    encode_draft,
    read_header,
    sign,
)
from initramfs.imaging.label.model import Bare, Partition
from initramfs.messages import Firmware
from tests.images.in_memory import KEY, MIB, PUBLIC
from tests.images.labels import GUID, gpt, mbr

DIGEST = hashlib.sha256(b"x").digest()
LABEL = mbr(
    Partition(1, MIB, 4 * MIB, "83", bootable=True),
    Partition(2, 5 * MIB, 3 * MIB, "5"),
    Partition(5, 6 * MIB, 2 * MIB, "82"),
)
DISK = Header("sda_Init", 3, Kind.DISK, 512, 10 * MIB, MIB, Firmware.BIOS, LABEL, user="anna", date=927628284)
TERA = 1 << 40
BARE = Header("sda5_Data", 1, Kind.PARTITION, 512, TERA, MIB)
EXT4 = replace(BARE, filesystems=(Filesystem(Bare.BARE, "ext4", "u", "l", TERA, 8, 9),))
MODERN = replace(
    DISK,
    label=gpt(Partition(1, MIB, 4 * MIB, ""), Partition(3, 5 * MIB, 3 * MIB, "")),
    filesystems=(Filesystem(3, "xfs", "u", "l", 3 * MIB, MIB, MIB),),
)
TOLD = replace(MODERN, filesystems=(replace(MODERN.filesystems[0], facts={"external_log": 0}),))
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


def test_a_bare_partition_is_a_zero_on_disk_only() -> None:
    """Images of before stay readable, and a number is never taken for it."""
    data = encode(EXT4, [], KEY)
    assert b'"partition":0' in data
    (found,) = decode(data, PUBLIC).header.filesystems
    assert found.partition is Bare.BARE


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
    """Before signing it is read as strictly as the file."""
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
    with pytest.raises(ManifestError, match="signed with another key"):
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
    with pytest.raises(ManifestError, match="version 3") as caught:
        decode(forge(header_json(version=3)), PUBLIC)
    assert caught.value.hint


def test_facts_of_file_systems_make_it_version_2() -> None:
    """Nothing recorded is another thing than nothing there, and comes back as it was."""
    told = replace(EXT4, filesystems=(replace(EXT4.filesystems[0], facts={"bigalloc": 1, "64bit": 0}),))
    data = encode(told, [], KEY)
    (found,) = decode(data, PUBLIC).header.filesystems
    assert b'"version":2' in data
    assert (found.fact("bigalloc"), found.fact("64bit"), found.fact("devid")) == (1, 0, None)


def test_a_disk_that_is_one_piece_has_no_label() -> None:
    """Version 2, so that an older reader says what it is; nothing is known of what lies in it."""
    raw = replace(BARE, name="sda_Installer", kind=Kind.DISK)
    data = encode(raw, [], KEY)
    assert b'"version":2' in data
    assert decode(data, PUBLIC).header == raw
    assert raw.is_raw
    assert read_header(data[:4096]) == raw
    with pytest.raises(ManifestError, match="file systems of a raw disk"):
        encode(replace(raw, filesystems=EXT4.filesystems), [], KEY)
    with pytest.raises(ManifestError, match="kind, with a label"):
        encode(replace(DISK, kind=Kind.PARTITION), [], KEY)


@pytest.mark.parametrize("data", [b"", b"CLSYIMG1", b"CLSYIMG1" + b"\xff" * 8, b"other" * 10])
def test_what_carries_no_header(data: bytes) -> None:
    """Nothing is made up from a piece of a file."""
    with pytest.raises(ManifestError):
        read_header(data)


def test_images_of_before_stay_as_they_are() -> None:
    """Byte for byte: their digest is in receipts. An image that has no facts is one of them."""
    data = encode(EXT4, [], KEY)
    (length,) = LENGTH.unpack_from(data, len(MAGIC))
    told = json.loads(data[12 : 12 + length])
    assert told["version"] == 1
    assert set(told["filesystems"][0]) == {"label", "minimal", "partition", "size", "type", "used", "uuid"}
    manifest = decode(data, PUBLIC)
    assert manifest.header.filesystems[0].fact("bigalloc") is None
    assert encode(manifest.header, manifest.index, KEY) == data


@pytest.mark.parametrize(
    "changes",
    [
        {"chunk_size": 1000},
        {"chunk_size": 1 << 30},
        {"sector_size": 256},
        {"sector_size": 513},
        {"sector_size": 8192},
        {"size": 513},
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


@pytest.mark.parametrize(
    ("canonical", "other"),
    [
        (b"\\u007f", b"\x7f"),
        (b"\\u00e4", b"\\u00E4"),
        (b"\\u00e4", "ä".encode()),
        (b"/", b"\\/"),
        (b"\\n", b"\\u000a"),
        (b"made", b"m\\u0061de"),
    ],
)
def test_only_canonical_strings_are_read(canonical: bytes, other: bytes) -> None:
    """As docs/dev/image-format.md defines them: one way to write each character."""
    text = header_json(description="made/\x7f\nä")
    assert canonical in text
    decode(forge(text), PUBLIC)
    with pytest.raises(ManifestError, match="canonical"):
        decode(forge(text.replace(canonical, other)), PUBLIC)


def test_a_label_that_overlaps_itself_is_refused() -> None:
    """A signed label is checked like one found on a disk."""
    broken = mbr(*LABEL.partitions[:2], Partition(3, 2 * MIB, MIB, "83"))
    with pytest.raises(ManifestError, match="overlap"):
        encode(replace(DISK, label=broken), [], KEY)


def changed(header: Header, path: str, value: Any) -> bytes:
    """A signed file of ``header`` with another value at ``path``: keys and places in lists, between dots."""
    data = encode(header, [], KEY)
    (length,) = LENGTH.unpack_from(data, len(MAGIC))
    found = json.loads(data[12 : 12 + length])
    *way, last = (int(key) if key.isdigit() else key for key in path.split("."))
    reduce(getitem, way, found)[last] = value
    return forge(json.dumps(found, sort_keys=True, separators=(",", ":")).encode())


@pytest.mark.parametrize(
    ("header", "path", "value"),
    [
        (BARE, "name", "x" * 100),
        (BARE, "name", "0.+_-"),
        (BARE, "generation", 999_999_999),
        (BARE, "date", 253402300799),
        (BARE, "description", "\U0001f4be" * 4096),
        (BARE, "description", "\0\x1b[31m\x7f/\n"),
        (EXT4, "filesystems.0.label", "Dätä"),
        (EXT4, "filesystems.0.uuid", ""),
        (EXT4, "filesystems.0.used", TERA),
        (DISK, "firmware", "uefi"),
        (DISK, "label.partitions.0.type", "0"),
        (DISK, "label.partitions.0.type", "ff"),
        (DISK, "label.partitions.2.bootable", True),
        (MODERN, "label.partitions.0.name", "x" * 36),
        (MODERN, "label.partitions.0.name", "\U0001f4be" * 18),
        (MODERN, "label.partitions.0.attrs", (1 << 64) - 1),
        (TOLD, "filesystems.0.facts", {}),
        (TOLD, "filesystems.0.facts", {"of_a_later_program": 2**63 - 1}),
    ],
)
def test_what_an_image_may_say(header: Header, path: str, value: Any) -> None:
    """Up to the bounds."""
    decode(changed(header, path, value), PUBLIC)


@pytest.mark.parametrize(
    ("header", "path", "value"),
    [
        # texts and numbers
        *((BARE, "name", name) for name in ("", "../x", "a b", "ä", "-x", "x" * 101, "x\n")),
        (BARE, "generation", 10**9),
        (BARE, "size", 1 << 63),
        (BARE, "date", 253402300800),
        (BARE, "description", "x" * 4097),
        *((BARE, path, "caf\udce9") for path in ("description", "origin", "user")),
        *((EXT4, f"filesystems.0.{path}", "caf\udce9") for path in ("type", "uuid", "label")),
        (BARE, "warnings", ["\ud800"]),
        (MODERN, "label.partitions.0.attrs", 1 << 64),
        (MODERN, "label.partitions.1.number", 1 << 63),
        (
            DISK,
            "label.partitions.2",
            asdict(Partition(1 << 63, 6 * MIB, MIB, "83", f"12345678-{1 << 63:02x}")),
        ),
        # a label's fields
        *((DISK, "label.id", identifier) for identifier in ("abc", "1234567X", "ABCDEF01", GUID.format(0))),
        *((DISK, "label.partitions.0.type", kind) for kind in ("", "083", "0c", "C", "zz", "183", "0x83")),
        *(
            (DISK, "label.partitions.0.uuid", name)
            for name in ("", "12345678-02", "12345678-1", "ABCDEF01-01")
        ),
        (DISK, "label.partitions.0.name", "boot"),
        (DISK, "label.partitions.0.attrs", 1),
        *((MODERN, "label.id", identifier) for identifier in ("abc", GUID.format(0).upper(), "12345678")),
        *((MODERN, "label.partitions.0.type", kind) for kind in ("", "83", "0", GUID.format(0).upper())),
        *((MODERN, "label.partitions.0.uuid", name) for name in ("", "x", GUID.format(1).upper())),
        *((MODERN, "label.partitions.0.name", name) for name in ("x" * 37, "\U0001f4be" * 19, "\ud800")),
        (MODERN, "label.partitions.0.bootable", True),
        # the label as a whole
        (DISK, "label.partitions", [asdict(part) for part in reversed(LABEL.partitions)]),
        (DISK, "label.partitions.1.type", "83"),
        (DISK, "label.partitions.0.number", 0),
        (DISK, "label.partitions.0.start", MIB + 100),
        # what does not belong together
        (BARE, "firmware", "bios"),
        (BARE, "firmware", "uefi"),
        (EXT4, "filesystems.0.partition", 1),
        (EXT4, "filesystems.0.size", TERA - 512),
        (EXT4, "filesystems.0.used", TERA + 1),
        (EXT4, "filesystems.0.minimal", 0),
        (EXT4, "filesystems.0.minimal", TERA + 1),
        (MODERN, "filesystems.0.partition", 0),
        (MODERN, "filesystems.0.partition", 2),
        (TOLD, "filesystems", [asdict(TOLD.filesystems[0])] * 2),
        (TOLD, "filesystems", [asdict(replace(TOLD.filesystems[0], partition=2))]),
        # facts
        (EXT4, "filesystems.0.facts", None),
        (EXT4, "filesystems.0.facts", {"bigalloc": 1}),
        (TOLD, "version", 1),
        *((TOLD, "filesystems.0.facts", {name: 1}) for name in ("", "A", "a-b", "x" * 64, "\x1b")),
        *((TOLD, "filesystems.0.facts", {"devid": value}) for value in (-1, 1 << 63, "1", None, True)),
        (TOLD, "filesystems.0.facts", {f"fact{number}": 1 for number in range(65)}),
    ],
)
def test_what_no_image_may_say(header: Header, path: str, value: Any) -> None:
    """Though it is signed: other readers, and the steps that follow, rely on it."""
    with pytest.raises(ManifestError):
        decode(changed(header, path, value), PUBLIC)


@pytest.mark.parametrize(
    "header",
    [
        replace(BARE, name="../x"),
        replace(BARE, description="x" * 4097),
        replace(BARE, warnings=("x" * 4096,) * 257),
        replace(DISK, label=mbr(*LABEL.partitions, identifier="ABCDEF01")),
    ],
    ids=["name", "long", "large", "label"],
)
def test_nothing_is_signed_that_would_be_refused(header: Header) -> None:
    """Before a single chunk was read."""
    with pytest.raises(ManifestError):
        encode(header, [], KEY)


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
