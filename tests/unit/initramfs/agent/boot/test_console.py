"""Every console at once."""

import os
from pathlib import Path

import pytest

from initramfs.agent.boot.console import Console, explain, stamp, terminals
from initramfs.agent.errors import StepError


def test_every_console_gets_every_line(tmp_path: Path) -> None:
    """One that cannot be opened does not keep the others from it."""
    paths = [tmp_path / "a", tmp_path / "b"]
    for path in paths:
        path.touch()
    console = Console([str(tmp_path / "missing" / "device"), *map(str, paths)])
    print("Grüße", file=console, flush=True)
    assert [path.read_text() for path in paths] == ["Grüße\n", "Grüße\n"]


def test_a_console_with_nobody_at_its_end_does_not_hold_up_the_boot(tmp_path: Path) -> None:
    """A full pipe stands for a serial line with flow control: the other console gets the line."""
    os.mkfifo(tmp_path / "stuck")
    reader = os.open(tmp_path / "stuck", os.O_RDONLY | os.O_NONBLOCK)
    (tmp_path / "fine").touch()
    console = Console([str(tmp_path / "stuck"), str(tmp_path / "fine")], patience=2)
    line = "x" * (1 << 17)
    console.write(line)
    assert (tmp_path / "fine").read_text() == line
    os.close(reader)


def test_the_screen_in_front_is_the_first() -> None:
    """A shell needs a terminal that can be somebody's own; tty0 is whichever is shown."""
    assert terminals("tty0 ttyS0\n") == ["/dev/tty1", "/dev/ttyS0"]
    assert terminals("") == ["/dev/console"]


def test_our_errors_are_two_lines_and_others_are_shown_whole() -> None:
    """Message and hint; or where it happened."""
    assert explain(StepError("no disk", "plug one in")) == ["error: no disk", "hint: plug one in"]
    assert explain(StepError("no disk")) == ["error: no disk"]
    with pytest.raises(ValueError, match="bug") as caught:
        int("bug")
    lines = explain(caught.value)
    assert lines[-1].startswith("ValueError: ")
    assert any("test_console" in line for line in lines)


def test_lines_look_like_the_kernels() -> None:
    """So that their times can be compared."""
    assert stamp("hello", 5.5) == "[    5.500000] clonesys: hello"
