"""Text of others in logs and on terminals: one line, nothing that steers it."""

from __future__ import annotations

import io
import logging
import subprocess
import sys

import pytest
from hypothesis import given
from hypothesis import strategies as st

from provisioner.base.log_lines import OneLine
from provisioner.base.text import line, lines

STEERING = [
    "\x1b[2J",
    "\r\n",
    "\x00",
    "\x9b1m",
    "\u202e",
    "\u2066",
    "\u2028",
    "\ud800",
    "\u200b",
    "\x85",
    "\x7f",
]


@pytest.mark.parametrize("text", STEERING)
def test_what_steers_becomes_its_escape(text: str) -> None:
    """Visible, and a text that any file can hold."""
    for shown in (line(f"a{text}b"), lines(f"a{text}b", 100).replace("\n", "")):
        assert shown.isprintable()
        assert shown.encode()
        assert "\\" in shown


def test_a_thread_that_ends_by_a_bug_is_one_line() -> None:
    """Python itself would print its traceback past the log."""
    program = (
        "import threading; from provisioner.base import log_lines; log_lines.install('%(message)s');"
        "thread = threading.Thread(target=lambda: int('a\\nb')); thread.start(); thread.join()"
    )
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    assert done.stderr.count("\n") == 1
    assert "ended by a bug: ValueError: invalid literal" in done.stderr


def test_what_is_readable_stays() -> None:
    """Also what is not ASCII."""
    assert line("Müller 中文 – ok") == "Müller 中文 – ok"
    assert lines("one\n\ttwo", 100) == "one\n two"


@given(st.text(), st.integers(1, 50))
def test_a_line_is_short_and_printable(text: str, most: int) -> None:
    """Whatever goes in."""
    shown = line(text, most)
    assert len(shown) <= most
    assert all(c.isprintable() for c in shown)


@given(st.text(st.characters(exclude_categories=())))
def test_an_entry_of_the_log_is_one_line(text: str) -> None:
    """Its arguments are a machine's; its traceback is no exception."""
    stream = io.StringIO()
    handler = logging.StreamHandler(stream)
    handler.setFormatter(OneLine("%(levelname)s %(message)s"))
    log = logging.Logger("test")  # noqa: LOG001 - one for each example
    log.addHandler(handler)
    try:
        int("")
    except ValueError:
        log.exception("machine %s", text)
    assert stream.getvalue().count("\n") == 1
    assert stream.getvalue()[:-1].isprintable()
    assert "test_text.py" in stream.getvalue() or len(text) > 1000
