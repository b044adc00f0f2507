"""The kernel's command line as the agent reads it."""

import pytest

from initramfs.agent.cmdline import parse, words
from initramfs.agent.errors import CommandLineError


def test_the_agent_finds_its_words_among_the_kernels() -> None:
    """Case and trailing slashes are normalised; the kernel's words stay out of the way."""
    line = parse(
        "quiet clonesys.server=http://10.0.0.1:8080/ clonesys.nonce=n= clonesys.mac=52:54:00:AA:bb:cc"
    )
    assert (line.server, line.nonce, line.mac) == ("http://10.0.0.1:8080", "n=", "52:54:00:aa:bb:cc")


def test_all_missing_words_are_named_at_once() -> None:
    """One look at the console is enough."""
    with pytest.raises(CommandLineError, match=r"clonesys\.server, clonesys\.mac"):
        parse("clonesys.nonce=n clonesys.server=")


def test_a_word_without_value_is_empty() -> None:
    """``quiet`` is there, with nothing to say."""
    assert words("quiet root=/dev/sda1") == {"quiet": "", "root": "/dev/sda1"}
