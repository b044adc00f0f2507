"""Identifiers: give what was written identifiers of its own, and correct all that refers to the old ones.

Which change, ``duplicates`` has decided; which texts refer to them, ``references`` and ``bcd`` know.
"""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from initramfs.agent.errors import StepError
from initramfs.agent.pipeline import Context
from initramfs.agent.report import StepProgress
from initramfs.agent.steps import bcd
from initramfs.agent.steps.duplicates import Settled
from initramfs.agent.steps.references import FILES, SUBVOLUMES, rewrite
from initramfs.imaging.device.loop import loop_device
from initramfs.imaging.device.mounting import mounted
from initramfs.imaging.filesystem.rename import rename
from initramfs.imaging.format.header import Filesystem
from initramfs.imaging.label.model import PartitionNumber, plain_number
from initramfs.imaging.restore.identifiers import Renames
from initramfs.imaging.restore.layout import Layout

REFERRING = frozenset({"ext2", "ext3", "ext4", "xfs", "btrfs", "vfat", "ntfs"})
"""File systems in which references are looked for: roots, boot partitions, EFI system partitions."""
LARGEST = 4 << 20
"""Bytes of a text that is looked into."""


@dataclass(frozen=True, slots=True)
class Rename:
    """Give what was written identifiers of its own, and correct its texts."""

    disk: str
    name: str = "identifiers"

    @property
    def title(self) -> str:
        """With the disk's name."""
        return f"Give {self.disk} and its file systems identifiers of their own, where they need them"

    def run(self, context: Context, progress: StepProgress) -> None:
        """Between verify and commit. The label's part is made by the commit."""
        settled = context.find(Settled)
        if settled.renames is None:
            progress.log("no other disk of this machine has these identifiers: they stay")
            return
        disk = Path("/dev") / self.disk
        for line in apply(settled.renames, context.find(Layout), disk, settled.filesystems):
            progress.log(line)


def apply(
    renames: Renames, layout: Layout, disk: Path, filesystems: Mapping[PartitionNumber, Filesystem]
) -> Iterator[str]:
    """Rename the file systems, then correct the texts in all of them; yields what was done.

    May be repeated. Raises ToolError.
    """
    for number, item in renames.filesystems.items():
        with _device(layout, disk, number) as (loop, size):
            rename(item.type, loop, item.new, size)
        yield f"partition {number}: the {item.type} is now {item.new}"
    for number, kept in renames.kept.items():
        yield f"partition {number}: the identifier of {kept.type} stays as it is"
    for number, found in sorted(filesystems.items(), key=lambda item: plain_number(item[0])):
        if found.type in REFERRING:
            with _device(layout, disk, number) as (loop, _), mounted(loop, found.type) as root:
                changed = rewrite_references(
                    root, renames.words, SUBVOLUMES if found.type == "btrfs" else ("",)
                )
                changed += rewrite_boot_configuration(root, renames.boot_words)
            if changed:
                yield f"partition {number}: {', '.join(changed)} corrected"


@contextmanager
def _device(layout: Layout, disk: Path, number: PartitionNumber) -> Iterator[tuple[Path, int]]:
    """A partition as a block device, and its size."""
    part = layout.place(number)
    if part is None:
        raise AssertionError(f"partition {number} was laid out, and is not there")
    with loop_device(disk, part.start, part.size, writable=True) as loop:
        yield loop, part.size


def rewrite_references(root: Path, words: Mapping[str, str], folders: Iterable[str] = ("",)) -> list[str]:
    """Correct all texts below ``root`` that refer to old identifiers; which were changed."""
    return [
        str(path.relative_to(root))
        for folder in folders
        for pattern in FILES
        for path in sorted(root.glob(folder + pattern))
        if _is_text(root, path) and _correct(path, words)
    ]


def rewrite_boot_configuration(root: Path, words: Mapping[str, str]) -> list[str]:
    """Correct Windows' boot configuration below ``root``; which files were changed.

    Raises StepError for one that Windows has not finished writing: it would not start from this disk.
    """
    changed = []
    for path in (root / name for name in bcd.FILES):
        if not words or not path.is_file() or path.is_symlink():
            continue
        old = path.read_bytes()
        if not bcd.is_clean(old):
            raise StepError(
                f"{path.name} of Windows has unfinished changes: it cannot be corrected",
                "shut Windows down properly before capturing, or leave identity.uuids = 'keep'",
            )
        if (new := bcd.rebind(old, words)) != old:
            _replace(path, new)
            changed.append(str(path.relative_to(root)))
    return changed


def _is_text(root: Path, path: Path) -> bool:
    """A file of the image's own: links may lead anywhere."""
    return (
        path.is_file()
        and not path.is_symlink()
        and path.resolve().is_relative_to(root.resolve())
        and path.stat().st_size <= LARGEST
    )


def _correct(path: Path, words: Mapping[str, str]) -> bool:
    """Whether there was something to correct."""
    old = path.read_bytes().decode(errors="surrogateescape")
    new = rewrite(old, words)
    if new == old:
        return False
    _replace(path, new.encode(errors="surrogateescape"))
    return True


def _replace(path: Path, content: bytes) -> None:
    """Put ``content`` in place by rename, with owner, mode and attributes as they were."""
    status, temporary = path.stat(), path.with_name(f".clonesys-{path.name}")
    with temporary.open("wb") as out:
        out.write(content)
        out.flush()
        os.fsync(out.fileno())
    shutil.copystat(path, temporary)
    if (temporary.stat().st_uid, temporary.stat().st_gid) != (status.st_uid, status.st_gid):
        os.chown(temporary, status.st_uid, status.st_gid)
    temporary.rename(path)
