"""Where the Linux roots of a partition are; and whether there can be one, known by its kind before any write.

Btrfs keeps roots in subvolumes, and which one starts is decided by its default or by the boot loader. All
that are found get the host's identity: none of them may start with that of the golden machine.
"""

from __future__ import annotations

from pathlib import Path

from initramfs.agent.errors import PlanError, StepError
from initramfs.agent.steps.references import SUBVOLUMES
from initramfs.imaging.run import run
from initramfs.messages.roots import why_no_root


def check_kind(number: int, kind: str) -> None:
    """Raises PlanError unless a partition that holds a ``kind`` can hold a Linux root."""
    if why := why_no_root(kind):
        raise PlanError(
            f"partition {number} cannot be personalised: it holds {why}",
            "correct personalise.root in the profile, or leave [personalise] out",
        )


def roots_in(top: Path, kind: str) -> list[Path]:
    """The Linux roots of a ``kind`` that is mounted at ``top``, at least one. Raises StepError, ToolError."""
    found = _roots(top, kind)
    if not found:
        raise StepError(
            "the partition to personalise holds no /etc: it is not a Linux root",
            "correct personalise.root in the profile, or leave [personalise] out",
        )
    return found


def holds_system(top: Path, kind: str) -> bool:
    """Whether a ``kind`` that is mounted at ``top`` holds a root with programs in it."""
    return any((root / "usr").is_dir() for root in _roots(top, kind))


def _roots(top: Path, kind: str) -> list[Path]:
    places = [top / name for name in folders_of(top, kind)]
    return [place for place in dict.fromkeys(places) if _is_root(place, top)]


def folders_of(top: Path, kind: str) -> list[str]:
    """Where below ``top`` a ``kind`` may keep roots: empty for itself, or a subvolume and a slash."""
    if kind != "btrfs":
        return [""]
    # "ID 256 gen 8 top level 5 path @/.snapshots/1/snapshot", or "ID 5 (FS_TREE)" for the top itself
    _, _, default = run("btrfs", "subvolume", "get-default", str(top)).stdout.rstrip("\n").partition(" path ")
    return [*([f"{default}/"] if default else []), *SUBVOLUMES]


def _is_root(place: Path, top: Path) -> bool:
    """Links of the image may lead anywhere, so none is followed."""
    etc = place / "etc"
    return etc.is_dir() and not etc.is_symlink() and etc.resolve().is_relative_to(top.resolve())
