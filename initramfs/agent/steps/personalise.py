"""Personalise: write this host's identity into its Linux root, before the disk can start.

Applies what ``host_files`` has decided. Paths inside an image may be symlinks
that point anywhere, so files are put in place by rename, never written through.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from initramfs.agent.errors import StepError
from initramfs.agent.pipeline import Context
from initramfs.agent.report import StepProgress
from initramfs.agent.steps.host_files import Changes, File, changes, root_partition
from initramfs.agent.steps.put_file import put_file
from initramfs.imaging.device.mounting import mounted_part
from initramfs.imaging.restore.layout import Layout
from initramfs.messages import Personalisation


@dataclass(frozen=True, slots=True)
class Personalise:
    """Give the root in partition ``wanted.root`` its host's name."""

    disk: str
    wanted: Personalisation
    name: str = "personalise"

    @property
    def title(self) -> str:
        """With the name that the host gets."""
        return f"Personalise partition {self.wanted.root} of {self.disk} as {self.wanted.hostname}"

    def run(self, context: Context, progress: StepProgress) -> None:
        """Mount, change, unmount. The disk's label is not written yet, so the kernel knows no partitions."""
        part = root_partition(context.find(Layout), self.wanted.root)
        with mounted_part(Path("/dev", self.disk), part.bounds) as root:
            apply(changes(self.wanted, read_hosts(root)), root)
        progress.log(f"this machine is {self.wanted.hostname}")


def read_hosts(root: Path) -> str | None:
    """The image's own ``/etc/hosts``, if it is a file. Raises StepError if this is no Linux root at all."""
    if not (root / "etc").is_dir() or (root / "etc").is_symlink():
        raise StepError(
            "the partition to personalise holds no /etc: it is not a Linux root",
            "correct personalise.root in the profile, or leave [personalise] out",
        )
    hosts = root / "etc/hosts"
    return hosts.read_text(errors="surrogateescape") if hosts.is_file() and not hosts.is_symlink() else None


def apply(wanted: Changes, root: Path) -> None:
    """Make ``wanted`` true below ``root``. May be repeated."""
    for file in wanted.files:
        _write(root, file)
    for link, target in wanted.links.items():
        place = _directory(root, link) / Path(link).name
        place.unlink(missing_ok=True)
        place.symlink_to(target)
    for path in wanted.removed:
        (_directory(root, path) / Path(path).name).unlink(missing_ok=True)


def _write(root: Path, file: File) -> None:
    directory = _directory(root, file.path)
    content = file.content.encode(errors="surrogateescape")
    put_file(directory / Path(file.path).name, content, lambda new: new.chmod(file.mode))


def _directory(root: Path, path: str) -> Path:
    """The directory of ``path`` below ``root``, made if need be. Raises StepError if it leads out."""
    directory = root / Path(path).parent
    if not directory.resolve().is_relative_to(root.resolve()):
        raise StepError(f"/{Path(path).parent} of the image leads out of it: {directory.resolve()}")
    directory.mkdir(parents=True, exist_ok=True)
    return directory
