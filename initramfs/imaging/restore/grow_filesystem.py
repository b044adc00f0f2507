"""After writing: a file system grows into its partition. The part of fitting that touches the target."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from initramfs.imaging.device.device import PAGE
from initramfs.imaging.device.loop import loop_device, reading
from initramfs.imaging.errors import ToolError
from initramfs.imaging.filesystem.check import prove
from initramfs.imaging.filesystem.facts import facts_of
from initramfs.imaging.filesystem.limits import why_not_grown
from initramfs.imaging.filesystem.probe import probe
from initramfs.imaging.filesystem.resize import enlarge, rehearse
from initramfs.imaging.filesystem.size import fs_size
from initramfs.imaging.label.model import which
from initramfs.messages import GrowFailure

if TYPE_CHECKING:
    from initramfs.imaging.device.device import Target
    from initramfs.imaging.restore.layout import Layout


def grow_filesystem(layout: Layout, target: Target, failure: GrowFailure = GrowFailure.KEEP) -> str:
    """Do what ``layout.grow`` asks, between ``verify`` and ``commit``; what was done, in words.

    The sizes in it were measured, before and after. May be repeated. Raises ToolError: the file system is not
    in order, or it cannot grow and ``failure`` does not let it stay as it is.
    """
    number = layout.grow
    place = layout.place(number) if number is not None else None
    if place is None:
        return ""
    with loop_device(target.path, place.start, place.size, writable=True) as loop:
        kind = probe(loop, 0, place.size).type
        return f"{which(number)}: {_grow(kind, loop, place.size, failure)}"


def _grow(kind: str, loop: Path, room: int, failure: GrowFailure) -> str:
    with reading(loop) as read:
        before, facts = fs_size(kind, read, room), facts_of(kind, read)
    # Tools round: less than a page is no room, and resize2fs takes it for a wish to shrink.
    obstacle = why_not_grown(kind, facts, room)
    if not obstacle and room - before < PAGE:
        return f"nothing grew: the {kind} of {before} bytes fills its partition already"
    if not obstacle:
        obstacle = _tried(kind, loop, failure)
    elif failure is GrowFailure.FAIL:
        raise ToolError(f"the {kind} cannot grow: {obstacle}", KEEP_HINT)
    with reading(loop) as read:
        after = fs_size(kind, read, room)
    if obstacle:
        return f"the {kind} stays as it is, with {after} of its partition's {room} bytes: {obstacle}"
    if after == before:
        return f"nothing grew: the {kind} fills its partition with {after} of {room} bytes"
    return f"the {kind} has grown from {before} to {after} bytes"


KEEP_HINT = 'with grow_failure = "keep" (--grow-failure keep) it stays as it was captured'


def _tried(kind: str, loop: Path, failure: GrowFailure) -> str:
    """Grow it; why its tool refused, or an empty text. A file system that is not in order is no refusal."""
    begun = False
    try:
        rehearse(kind, loop)
        begun = True
        enlarge(kind, loop)
    except ToolError as error:
        if failure is GrowFailure.FAIL:
            raise
        prove(kind, loop, resized=begun)  # a tool that was ended half-way has not left it as it was
        return error.message
    return ""
