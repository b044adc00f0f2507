"""Try every program and module that the image promises (``clonesys.selftest`` on the kernel's command line).

The list comes from ``image.toml`` through ``/etc/clonesys/selftest.json``. Prints a
PASS or FAIL line for each and a sum at the end, then asks for power off.
"""

from __future__ import annotations

import importlib
import json
import pkgutil
import subprocess
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import initramfs
from initramfs.agent.boot.ending import ExitStatus
from initramfs.imaging.device.joined import joined_device
from initramfs.imaging.errors import ToolError
from initramfs.imaging.label.model import Bounds
from initramfs.imaging.tool_words import reason

LIST = Path("/etc/clonesys/selftest.json")
PATIENCE = 60.0
"""Seconds that a program may take to say its version."""
ROOM = 400 << 20
"""Bytes for a file system; XFS wants 300 MiB. The file is sparse."""

Check = tuple[str, str]
"""What was tried, and what is wrong with it; empty if nothing is."""


def main() -> int:
    """Run all checks and ask for power off."""
    wanted = json.loads(LIST.read_text())
    failed = total = 0
    for name, wrong in checks(wanted):
        total += 1
        failed += bool(wrong)
        print(f"selftest: FAIL {name}: {wrong}" if wrong else f"selftest: PASS {name}")  # noqa: T201 - its output
    print(f"selftest: {'FAILED' if failed else 'PASSED'}, {total - failed} of {total}")  # noqa: T201 - its output
    return ExitStatus.POWEROFF


def checks(wanted: Mapping[str, Any]) -> Iterator[Check]:
    """Everything that is tried, in the order of the list."""
    for name, (command, statuses) in wanted["programs"].items():
        yield f"program {name}", _program(command, statuses)
    agent = [module.name for module in pkgutil.walk_packages(initramfs.__path__, "initramfs.")]
    for name in [*wanted["python"], *(name for name in agent if not name.endswith(".__main__"))]:
        yield f"python {name}", _python(name)
    for kind, command in wanted["filesystems"].items():
        yield f"filesystem {kind}", _filesystem(kind, command)
    yield "device mapper", _device_mapper()


def _program(command: list[str], statuses: list[int]) -> str:
    try:
        done = subprocess.run(command, capture_output=True, timeout=PATIENCE, check=False)
    except (OSError, subprocess.TimeoutExpired) as error:
        return str(error)
    if done.returncode in statuses:
        return ""
    out, err = (text.decode(errors="replace") for text in (done.stdout, done.stderr))
    return f"status {done.returncode}: {reason(command[0], out, err)}"


def _python(name: str) -> str:
    try:
        importlib.import_module(name)
    except Exception as error:  # noqa: BLE001 - any error is what the test is after
        return repr(error)
    return ""


def _filesystem(kind: str, command: list[str]) -> str:
    """Make one in a sparse file, mount it, and find a file in it again."""
    disk, place = Path("/run/selftest.img"), Path("/mnt")
    try:
        with disk.open("wb") as file:
            file.truncate(ROOM)
        _must([*command, str(disk)])
        _must(["mount", "-o", "loop", "-t", kind, str(disk), str(place)])
        try:
            (place / "file").write_text(kind)
            _must(["umount", str(place)])
            _must(["mount", "-o", "loop", "-t", kind, str(disk), str(place)])
            return "" if (place / "file").read_text() == kind else "what was written is not there"
        finally:
            _must(["umount", str(place)])
    except OSError as error:
        return str(error)
    finally:
        disk.unlink(missing_ok=True)


def _device_mapper() -> str:
    """Join two pieces of a file in the other order, and find there what is written to the device."""
    disk, piece = Path("/run/selftest.img"), 1 << 20
    try:
        with disk.open("wb") as file:
            file.truncate(4 * piece)
        pieces = (Bounds(2 * piece, piece), Bounds(0, piece))
        with joined_device(disk, pieces, writable=True) as device, device.open("r+b", buffering=0) as joined:
            joined.write(b"first".ljust(piece, b"1"))
            joined.write(b"second".ljust(piece, b"2"))
        content = disk.read_bytes()
    except (OSError, ToolError) as error:
        return str(error)
    finally:
        disk.unlink(missing_ok=True)
    right = content.startswith(b"second") and content[2 * piece :].startswith(b"first")
    return "" if right else "what was written is not where it should be"


def _must(command: list[str]) -> None:
    if wrong := _program(command, [0]):
        raise OSError(f"{' '.join(command)}: {wrong}")
