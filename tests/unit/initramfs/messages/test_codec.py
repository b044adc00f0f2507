"""The messages between agent and appliance: what goes in comes out, and nothing else is believed."""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from enum import Enum, StrEnum
from typing import Annotated, ClassVar, Literal

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from initramfs.messages import (
    WHOLE_DISK,
    Action,
    Assignment,
    Backup,
    Contact,
    Disk,
    Fit,
    ImageRef,
    Install,
    Job,
    Last,
    MessageError,
    PartitionImage,
    PartitionName,
    PhoneHome,
    ProvedImage,
    Receipt,
    Reports,
    Rescue,
    RestorePartitions,
    Result,
    Signed,
    Statement,
    TakeInventory,
    Work,
    decode,
    encode,
    images_by_place,
)
from initramfs.messages.codec import Most

MESSAGES = (Assignment, Contact, Job, Receipt, Reports, Result, Signed, Statement)

JOB = Job(
    id=7,
    profile="classroom",
    work=Install(
        disk_image=ImageRef("sda_InitClone", 1, b"\xab" * 32),
        partition_images=(PartitionImage(5, ImageRef("sda5_Debian", 3, b"\xcd" * 32)),),
    ),
)


def test_a_message_survives_the_wire() -> None:
    """Optional, nested and repeated fields come back as they were."""
    message = Assignment("challenge", "ab" * 32, "rifpc1", "token", JOB, 1, 1_700_000_000.0)
    assert decode(Assignment, encode(message)) == message


@pytest.mark.parametrize(
    ("grow", "text"), [(None, b'"grow":null'), (5, b'"grow":5'), (Last.LAST, b'"grow":"last"')]
)
def test_what_grows_is_a_number_the_last_or_nothing(grow: int | Last | None, text: bytes) -> None:
    """The last one is a word, so that no number stands for it."""
    text = b'{%s,"grow_failure":"keep"}' % text
    assert encode(Fit(grow)) == text
    assert decode(Fit, text) == Fit(grow)


WORKS = (
    JOB.work,
    RestorePartitions((PartitionImage(5, ImageRef("sda5_Debian", 3, b"\xcd" * 32)),)),
    Backup(disk_image="sda_Golden", partitions=(PartitionName(5, "sda5_Debian"),), empty=(6,)),
    TakeInventory(),
    Rescue(),
)


@pytest.mark.parametrize("work", WORKS)
def test_every_work_comes_back_as_what_it_was(work: Work) -> None:
    """Its action is written with it, and tells which it is."""
    job = Job(1, "class", work)
    assert decode(Job, encode(job)) == job
    assert json.loads(encode(job))["work"]["action"] == work.action


def test_every_action_has_a_work() -> None:
    """And is told apart by it."""
    assert {work.action for work in WORKS} == set(Action)


@pytest.mark.parametrize("work", ['{"action":"wipe"}', '{"action":"initinstall"}', "{}", "null"])
def test_work_that_is_not_known_or_not_whole_is_refused(work: str) -> None:
    """An agent does not guess: an install without a disk image is none."""
    with pytest.raises(MessageError, match=r"Job\.work"):
        decode(Job, f'{{"id":1,"profile":"class","work":{work}}}'.encode())


def test_the_images_that_a_work_needs() -> None:
    """The disk's first. A backup needs none: it makes them."""
    needed = [[(place, image.name) for place, image in images_by_place(work)] for work in WORKS]
    assert needed == [
        [(WHOLE_DISK, "sda_InitClone"), (5, "sda5_Debian")],
        [(5, "sda5_Debian")],
        [],
        [],
        [],
    ]


def test_the_place_of_a_whole_disk_is_written_as_zero() -> None:
    """As in receipts that were signed by earlier versions."""
    proved = ProvedImage(WHOLE_DISK, ImageRef("sda_InitClone", 1, b"\xab"))
    assert json.loads(encode(proved))["number"] == 0
    assert decode(ProvedImage, encode(proved)) == proved


def test_an_appliance_need_not_tell_the_time() -> None:
    """An assignment without it is understood all the same."""
    told = b'{"challenge": "challenge", "host_key": "ab", "host": "rifpc1", "token": "token", "job": null}'
    assert decode(Assignment, told).now is None


@pytest.mark.parametrize("kind", MESSAGES)
@settings(max_examples=50)
@given(
    st.recursive(
        st.none() | st.booleans() | st.integers() | st.text(),
        lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner),
    )
)
def test_any_other_json_is_refused(kind: type, value: object) -> None:
    """Whatever JSON arrives, the answer is the message or MessageError."""
    with pytest.raises(MessageError):
        decode(kind, json.dumps(value).encode())


@given(st.binary())
def test_any_bytes_are_refused(data: bytes) -> None:
    """Bytes that are no JSON never raise anything but MessageError."""
    with pytest.raises(MessageError):
        decode(Contact, data)


def test_an_unknown_field_is_ignored() -> None:
    """An older agent understands a newer appliance."""
    assert decode(ImageRef, b'{"name":"a","generation":1,"digest":"","colour":"red"}') == ImageRef(
        "a", 1, b""
    )


def test_a_wrong_field_is_named() -> None:
    """The error says where the fault is."""
    with pytest.raises(MessageError, match=r"Disk\.size: expected int, found '12'"):
        decode(Disk, b'{"name":"sda","size":"12","logical_sector_size":512,"physical_sector_size":512}')


def test_a_boolean_is_no_number() -> None:
    """JSON's true must not pass for a size of one."""
    with pytest.raises(MessageError, match="expected int"):
        decode(ImageRef, b'{"name":"a","generation":true,"digest":""}')


@dataclass(frozen=True)
class Sing:
    """One of two things to do."""

    action: ClassVar[str] = "sing"
    song: str


@dataclass(frozen=True)
class Dance:
    """The other."""

    action: ClassVar[str] = "dance"
    steps: int | Rest
    mood: Literal["any"] | Mood = "any"


class Rest(Enum):
    """A value that is no number, although it is written as one."""

    REST = 0


class Mood(StrEnum):
    """Words."""

    GAY = "gay"


@dataclass(frozen=True)
class Evening:
    """What is done, as a union."""

    what: Sing | Dance


@pytest.mark.parametrize(
    "evening",
    [
        Evening(Sing("la")),
        Evening(Dance(3)),
        Evening(Dance(Rest.REST, Mood.GAY)),
    ],
)
def test_a_union_comes_back_as_what_it_was(evening: Evening) -> None:
    """Its action tells which it is; a chosen word is not taken for a number."""
    assert decode(Evening, encode(evening)) == evening
    assert json.loads(encode(evening))["what"]["action"] in {"sing", "dance"}


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ('{"what": {"action": "jump"}}', r"Evening\.what\.action: expected sing or dance, found 'jump'"),
        ('{"what": {"song": "la"}}', r"Evening\.what\.action: expected sing or dance, found None"),
        ('{"what": {"action": "dance", "steps": false}}', r"steps: expected int, found False"),
        (
            '{"what": {"action": "dance", "steps": 1, "mood": "sad"}}',
            r"mood: expected any or gay, found .sad",
        ),
        ('{"what": {"action": "dance", "steps": NaN}}', "not JSON"),
        ('{"what": ' * 5000, "not JSON"),
    ],
)
def test_what_is_none_of_them_is_refused(text: str, reason: str) -> None:
    """By name, and nothing is guessed."""
    with pytest.raises(MessageError, match=reason):
        decode(Evening, text.encode())


@pytest.mark.parametrize("number", ["1e300", "1e999", "-1e19", "Infinity"])
def test_a_time_is_a_number_that_can_be_kept(number: str) -> None:
    """Neither without end nor beyond what a database holds."""
    told = f'{{"challenge":"c","host_key":"a","host":"h","token":"t","job":null,"now":{number}}}'
    with pytest.raises(MessageError):
        decode(Assignment, told.encode())


@pytest.mark.parametrize(
    "text", ['{"name":"a","generation":1}', '{"name":"a","generation":1,"digest":"","colour":"red"}']
)
def test_strictly_an_object_has_exactly_its_fields(text: str) -> None:
    """As headers of images are read."""
    with pytest.raises(MessageError, match=r"other fields than expected: (digest|colour)"):
        decode(ImageRef, text.encode(), strict=True)


@pytest.mark.parametrize("digest", ["a", "AB", "xy", " ab"])
def test_a_digest_is_pairs_of_lower_case_digits(digest: str) -> None:
    """There is one way to write it."""
    with pytest.raises(MessageError, match="expected hexadecimal digits"):
        decode(ImageRef, f'{{"name":"a","generation":1,"digest":"{digest}"}}'.encode())


@pytest.mark.parametrize("depth", range(900, 1000, 7))
def test_what_is_nested_deeply_is_refused(depth: int) -> None:
    """Whether JSON can still read it or not."""
    for text in ("[" * depth + "]" * depth, '{"a":' * depth + "1" + "}" * depth):
        with pytest.raises(MessageError):
            decode(PhoneHome, b'{"token":' + text.encode() + b',"hostname":"pc1"}')


@pytest.mark.parametrize("text", ['"\\ud800"', '"x\\udfff"'])
def test_a_text_is_one_in_unicode(text: str) -> None:
    """JSON can spell half a character, which no database can hold."""
    with pytest.raises(MessageError, match="token"):
        decode(PhoneHome, b'{"token":' + text.encode() + b',"hostname":"pc1"}')


@pytest.mark.parametrize("number", [1 << 64, -(1 << 63) - 1, 10**30])
def test_a_number_has_64_bits(number: int) -> None:
    """Attributes of GPT partitions take all of them."""
    with pytest.raises(MessageError, match="64 bits"):
        decode(ImageRef, b'{"name":"sda","digest":"","generation":%d}' % number)


def test_a_signature_is_base64() -> None:
    """Also where it is not even ASCII."""
    with pytest.raises(MessageError, match="base64"):
        Signed("\u00e9", "AAAA").parts()


@dataclass(frozen=True)
class Small:
    """Fields with limits."""

    word: Annotated[str, Most(3)] = ""
    words: Annotated[tuple[str, ...], Most(2)] = ()
    counts: Annotated[dict[str, int], Most(1)] = field(default_factory=dict)


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ('{"word": "abcd"}', r"Small\.word: has 4 characters, at most 3"),
        ('{"words": ["a", "b", "c"]}', r"Small\.words: has 3 entries, at most 2"),
        ('{"words": ["a", 5]}', r"Small\.words\[1\]: expected str, found 5"),
        ('{"counts": {"a": 1, "b": 2}}', r"Small\.counts: has 2 entries, at most 1"),
        ('{"counts": {"\\ud800": 1}}', r"Small\.counts\.'.*': expected a text in Unicode"),
    ],
)
def test_what_is_longer_than_it_may_be_is_refused(text: str, reason: str) -> None:
    """By name; it is not even read."""
    with pytest.raises(MessageError, match=reason):
        decode(Small, text.encode())
    longest = Small("abc", ("a", "b"), {"a": 1})
    assert decode(Small, encode(longest)) == longest
