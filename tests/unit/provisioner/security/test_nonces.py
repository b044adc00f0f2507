"""Boot nonces: what is made verifies, and nothing else does."""

from __future__ import annotations

import base64

import pytest
from hypothesis import given
from hypothesis import strategies as st

from provisioner.base.clock import Moment
from provisioner.security.nonces import ForeignNonceError, NonceError, mint, verify

KEY = b"k" * 32
MAC = "52:54:00:12:34:56"
NOW = Moment(1_700_000_000.0)
RANDOM = bytes(range(16))


@given(st.binary(min_size=6, max_size=6), st.binary(min_size=16, max_size=16), st.integers(0, 2**40))
def test_what_is_made_verifies(mac: bytes, random: bytes, now: int) -> None:
    """Every nonce says what it was made from, and is one word of a kernel command line."""
    moment = Moment(now, now / 2, b"b" * 16)
    nonce = mint(KEY, mac.hex(":"), moment, random)
    found = verify(KEY, nonce, moment, mac=mac.hex(":"))
    assert (found.mac, found.random) == (mac.hex(":"), random)
    assert found.at == Moment(now, now // 2, b"b" * 16)
    assert not set(nonce) & set(" =\"'+/")


@given(st.integers(0, 114), st.integers(1, 63))
def test_any_change_is_noticed(position: int, change: int) -> None:
    """A nonce in which any character was changed is refused."""
    alphabet = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_"
    nonce = mint(KEY, MAC, NOW, RANDOM)
    other = alphabet[(alphabet.index(nonce[position]) + change) % 64]
    changed = nonce[:position] + other + nonce[position + 1 :]
    if base64.urlsafe_b64decode(changed + "=") != base64.urlsafe_b64decode(nonce + "="):
        with pytest.raises(NonceError):
            verify(KEY, changed, NOW)


@given(st.text(max_size=120))
def test_garbage_is_refused(text: str) -> None:
    """Whatever is no nonce raises NonceError and nothing else."""
    with pytest.raises(NonceError):
        verify(KEY, text, NOW)


@pytest.mark.parametrize(("age", "good"), [(0, True), (899, True), (901, False), (-59, True), (-62, False)])
def test_age(age: float, good: bool) -> None:  # noqa: FBT001 - a parameter of the table
    """A nonce lives for a quarter of an hour, and a little slack for the clock."""
    nonce = mint(KEY, MAC, NOW, RANDOM)
    if good:
        assert verify(KEY, nonce, Moment(NOW.wall + age)).mac == MAC
    else:
        with pytest.raises(NonceError):
            verify(KEY, nonce, Moment(NOW.wall + age))


@pytest.mark.parametrize("set_to", [-3e8, -3600.0, 3600.0, 3e8])
@pytest.mark.parametrize(("age", "good"), [(0, True), (899, True), (902, False)])
def test_a_clock_that_is_set_makes_no_nonce_old(set_to: float, age: float, good: bool) -> None:  # noqa: FBT001 - a parameter of the table
    """While the appliance runs, age is counted by the clock that is never set."""
    nonce = mint(KEY, MAC, Moment(NOW.wall, 50.0, b"b" * 16), RANDOM)
    later = Moment(NOW.wall + age + set_to, 50.0 + age, b"b" * 16)
    if good:
        assert verify(KEY, nonce, later).mac == MAC
    else:
        with pytest.raises(NonceError, match="old"):
            verify(KEY, nonce, later)


def test_another_machine() -> None:
    """A nonce is good for its own machine only, and the error names both."""
    with pytest.raises(ForeignNonceError, match=f"{MAC}, not for 52:54:00:00:00:01"):
        verify(KEY, mint(KEY, MAC, NOW, RANDOM), NOW, mac="52:54:00:00:00:01")


def test_another_key() -> None:
    """A nonce of another appliance is forged."""
    with pytest.raises(NonceError, match="forged"):
        verify(b"x" * 32, mint(KEY, MAC, NOW, RANDOM), NOW)
