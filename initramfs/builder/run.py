"""The builder's one way to start a process: list arguments, checked, and pasteable when it fails."""

from __future__ import annotations

import os
import shlex
import subprocess
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import IO

from initramfs.builder.errors import CommandError

LAST_LINES = 12
"""How much of a failed program's error output is worth showing."""

Command = Sequence[str | Path]


def run(command: Command, *, cwd: Path | None = None, env: dict[str, str] | None = None) -> str:
    """Run ``command`` and return its standard output. ``env`` is added to this process's environment.

    Raises CommandError if it is missing or does not end with 0.
    """
    with _found(command):
        done = subprocess.run(
            command, cwd=cwd, env=_environment(env), capture_output=True, text=True, check=False
        )
    if done.returncode != 0:
        raise _failure(command, done.returncode, done.stderr or done.stdout)
    return done.stdout


@contextmanager
def output_of(command: Command) -> Iterator[IO[bytes]]:
    """``command``'s standard output as a stream. Raises CommandError at the end if it did not end with 0."""
    with tempfile.TemporaryFile() as errors:
        with _found(command):
            process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=errors, env=_environment(None))
        with process:
            assert process.stdout  # noqa: S101 - a pipe was asked for
            yield process.stdout
            process.stdout.read()  # tar archives end with padding that tarfile does not read
        if process.returncode != 0:
            errors.seek(0)
            raise _failure(command, process.returncode, errors.read().decode(errors="replace"))


def _environment(extra: dict[str, str] | None) -> dict[str, str]:
    # Messages in English: they end up in our own; and depmod lies in sbin, which users' paths lack.
    path = os.environ.get("PATH", os.defpath) + ":/usr/sbin:/sbin"
    return {**os.environ, "LC_ALL": "C.UTF-8", "PATH": path, **(extra or {})}


@contextmanager
def _found(command: Command) -> Iterator[None]:
    try:
        yield
    except FileNotFoundError as error:
        raise CommandError(
            f"cannot start {command[0]}: {error.strerror}", "install the package it belongs to: make setup"
        ) from error


def _failure(command: Command, status: int, said: str) -> CommandError:
    words = "\n".join(said.strip().splitlines()[-LAST_LINES:])
    return CommandError(f"{shlex.join(map(str, command))}\nended with status {status}:\n{words}")
