"""Starting processes."""

import pytest

from initramfs.builder.errors import CommandError
from initramfs.builder.run import output_of, run


def test_a_failure_can_be_pasted() -> None:
    """The command with its quoting, the status, the last words."""
    with pytest.raises(CommandError) as caught:
        run(["sh", "-c", "echo 'no such thing' >&2; exit 3"])
    assert "sh -c 'echo" in caught.value.message
    assert "status 3" in caught.value.message
    assert caught.value.message.endswith("no such thing")


def test_a_missing_program_is_named() -> None:
    """With what to do about it."""
    with pytest.raises(CommandError, match="surely-not-there") as caught:
        run(["surely-not-there"])
    assert "make setup" in caught.value.hint


def test_a_stream_is_checked_at_its_end() -> None:
    """What came is read; a failure is not lost."""
    with (
        pytest.raises(CommandError, match="status 4"),
        output_of(["sh", "-c", "echo data; exit 4"]) as stream,
    ):
        assert stream.read() == b"data\n"
