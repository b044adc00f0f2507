"""How the failure of a program that we start becomes a sentence. Pure.

Programs say their reason between banners, progress, usage and advice for people who typed the command
themselves, each in a way of its own. What is known of them stands in one table; for the others the
conventions of Unix do. What a program prints may come from a disk: nothing but printable text leaves here.
"""

from __future__ import annotations

import re
from collections.abc import Iterator

LINES, LENGTH = 3, 400
"""A sentence has at most so many of a program's lines, and characters."""

NOISE = re.compile(
    r"""
      [^\s:]+\ v?\d+(\.\d+)+\b[^:]*(\(.*\)|https?://.*)   # a banner: name, version, date or address
    | (device\ name|ntfs\ volume\ version|(current|new)\ \w+\ size|cluster\ size)\s*:.*  # ntfsresize
    | starting\ to\ \w+\ .*|memory\ needed.*|bitmap\ \d+\ bytes.*|elapsed:.*|calculating\ .*|total\ block\ .*
    | done!|(file\ system|device\ size|space\ in\ use|free\ space|block\ size):\ .*|syncing\.\.\..*
    | partclone\ fail,.*|block\ -?\d+\ -?\d+              # partclone
    | maybe\ you\ selected.*|partition\ \(e\.g\..*        # ntfs-3g's advice
    | use\ -f\ .*|try\ '.*|dmesg\(1\)\ may.*|opening\ filesystem\ to\ check.*|run\ chkdsk.*
    | pass\ \d.*|.*\?\ (no|yes)|\S+:\ \d+/\d+\ files\ .*|.*filesystem\ still\ has\ errors.*  # e2fsck's frame
    | [\w.-]+:                                            # a program's name, and no more
    | .{0,2}warning:.*
    """,
    re.IGNORECASE | re.VERBOSE,
)
"""Lines that are never the reason."""
USAGE = re.compile(r"\s*usage:", re.IGNORECASE)
"""From here on a program explains how it is used."""
BOX = re.compile(r"\*.*\*|[*=_.-]*")
"""Drawn around advice."""
ESCAPE = re.compile(r"\x1b\[[0-9;?]*[A-Za-z]")
PROGRESS = re.compile(r".*Completed:\s*[\d.]+%")

MARKS: dict[str, str] = {
    "partclone": r"(?:\w+(?:-ng)?\.c|error): (?P<said>.+)",
    "btrfs": r"(?:error: |warning: )?(?P<said>.+)",
    "ntfsresize": r"ERROR(?:\(\d+\))?: (?P<said>.+)",
    "ntfsinfo": r"(?P<said>NTFS signature is missing.*|Failed to mount .*)",
    "ntfslabel": r"(?P<said>NTFS signature is missing.*|Failed to mount .*)",
    "ntfsfix": r"(?P<said>NTFS signature is missing.*|Failed to .*|Volume is .*)",
    "e2fsck": r"(?!e2fsck)\S+: (?P<said>(?!clean).+)",
}
"""Where a program says its reason, by the first part of its name; partclone names its source files."""
USUAL = r"(?:{tool}|error|fatal(?: error)?)(?:\(\d+\))?: (?P<said>.+)"
"""How most do: their own name, or the word, and a colon."""


def reason(tool: str, stdout: str, stderr: str) -> str:
    """Why ``tool`` failed, in its own words, without what is around them; empty if it said nothing."""
    known = next((mark for name, mark in MARKS.items() if tool.startswith(name)), None)
    marks = [known] if known else []
    marks.append(USUAL.format(tool=re.escape(tool)))
    out, err = list(_lines(stdout)), list(_lines(stderr))
    for mark in marks:
        pattern = re.compile(mark, re.IGNORECASE)
        if found := [*_marked(out, pattern), *_marked(err, pattern)]:
            return _joined(found)
    return _joined(err or out)


def _lines(text: str) -> Iterator[str]:
    """What may be the reason. A carriage return begins a line anew, as on a terminal."""
    for raw in re.split(r"[\r\n]+", text):
        line = "".join(filter(str.isprintable, ESCAPE.sub("", raw.expandtabs(1))))
        line = PROGRESS.sub("", line).strip()
        if USAGE.match(line):
            return
        if line and not BOX.fullmatch(line) and not NOISE.fullmatch(line):
            yield line


def _marked(lines: list[str], mark: re.Pattern[str]) -> list[str]:
    """The marked lines without their marks; a line that goes on with a sentence belongs to it."""
    found: list[str] = []
    told = False
    for line in lines:
        if match := mark.match(line):
            found.append(match["said"].strip())
        elif told and line[0].islower():
            found[-1] += f" {line}"
        told = bool(match)
    return found


def _joined(lines: list[str]) -> str:
    """One sentence of what different lines say."""
    return "; ".join(line.rstrip(".! ") for line in dict.fromkeys(lines[:LINES]))[:LENGTH]
