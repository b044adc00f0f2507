"""The messages between agent and appliance: what goes in comes out, and nothing else is believed."""

import json

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from initramfs.messages import (
    Action,
    Assignment,
    Contact,
    Disk,
    ImageRef,
    Job,
    PartitionImage,
    Receipt,
    Reports,
    Result,
    Signed,
    Statement,
    WireError,
    decode,
    encode,
)

MESSAGES = (Assignment, Contact, Job, Receipt, Reports, Result, Signed, Statement)

JOB = Job(
    id=7,
    action=Action.INITINSTALL,
    profile="classroom",
    disk_image=ImageRef("sda_InitClone", 1, "ab" * 32),
    partition_images=(PartitionImage(5, ImageRef("sda5_Debian", 3, "cd" * 32)),),
)


def test_a_message_survives_the_wire() -> None:
    """Optional, nested and repeated fields come back as they were."""
    message = Assignment("challenge", "ab" * 32, "rifpc1", "token", JOB, 1, 1_700_000_000.0)
    assert decode(Assignment, encode(message)) == message


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
    """Whatever JSON arrives, the answer is the message or WireError."""
    with pytest.raises(WireError):
        decode(kind, json.dumps(value).encode())


@given(st.binary())
def test_any_bytes_are_refused(data: bytes) -> None:
    """Bytes that are no JSON never raise anything but WireError."""
    with pytest.raises(WireError):
        decode(Contact, data)


def test_an_unknown_field_is_ignored() -> None:
    """An older agent understands a newer appliance."""
    assert decode(ImageRef, b'{"name":"a","generation":1,"digest":"","colour":"red"}') == ImageRef("a", 1, "")


def test_a_wrong_field_is_named() -> None:
    """The error says where the fault is."""
    with pytest.raises(WireError, match=r"Disk\.size: expected int, found '12'"):
        decode(Disk, b'{"name":"sda","size":"12","logical_sector_size":512,"physical_sector_size":512}')


def test_a_boolean_is_no_number() -> None:
    """JSON's true must not pass for a size of one."""
    with pytest.raises(WireError, match="expected int"):
        decode(ImageRef, b'{"name":"a","generation":true,"digest":""}')
