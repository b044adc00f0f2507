"""Personalise: write this host's identity into its Linux root, before the disk can start.

Applies what ``host_files`` has decided. Paths inside an image may be symlinks
that point anywhere, so files are put in place by rename, never written through.
"""

from __future__ import annotations

import errno
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from initramfs.agent.errors import StepError
from initramfs.agent.pipeline import Context
from initramfs.agent.report import StepProgress
from initramfs.agent.steps import network_files, ssh_host_keys
from initramfs.agent.steps.host_files import Changes, File, changes, root_partition
from initramfs.agent.steps.linux_root import holds_system, roots_in
from initramfs.agent.steps.put_file import is_own_file, label_like, put_new_file, replace_file
from initramfs.agent.steps.volumes import Place, places_in
from initramfs.imaging.device.device import Device
from initramfs.imaging.filesystem.probe import probe
from initramfs.imaging.restore.layout import Layout
from initramfs.messages import Nic, Personalisation, SshHostKeys
from initramfs.messages.roots import LVM

HINTS = {
    errno.ENOSPC: "make room in the file system before capturing",
    errno.EROFS: "it is read-only: make it writable before capturing (btrfs property set … ro false)",
    errno.EPERM: "see whether it is marked immutable before capturing: lsattr",
}
CALLERS = (("usr/lib/systemd/systemd", "lib/systemd/systemd"), ("usr/bin/bash", "bin/bash"))
"""What it takes to phone home, by the places where each may be."""


@dataclass(frozen=True, slots=True)
class Personalise:
    """Give the root in partition ``wanted.root`` its host's name."""

    disk: str
    wanted: Personalisation
    nics: tuple[Nic, ...] = ()
    name: str = "personalise"

    @property
    def title(self) -> str:
        """With the name that the host gets."""
        return f"Personalise partition {self.wanted.root} of {self.disk} as {self.wanted.hostname}"

    def run(self, context: Context, progress: StepProgress) -> None:
        """Mount, change, unmount. The disk's label is not written yet, so the kernel knows no partitions."""
        disk, part = Path("/dev", self.disk), root_partition(context.find(Layout), self.wanted.root).bounds
        kind = probe(disk, part.start, part.size).type
        places = places_in(context.find(Device).read, part, kind)
        if kind == LVM:
            places = list(systems(places, disk))
        for place in places:
            with place.mounted(disk) as top, _explained(top):
                for root in roots_in(top, place.kind):
                    where = " ".join(filter(None, (place.volume, str(root.relative_to(top)).strip("."))))
                    for line in personalise(self.wanted, root, self.nics):
                        progress.log(f"{where}: {line}" if where else line)
        progress.log(f"this machine is {self.wanted.hostname}")


def systems(places: Iterable[Place], disk: Path) -> Iterator[Place]:
    """Of LVM's volumes those that hold a system: another one may well have a folder ``etc``.

    Raises StepError if none does.
    """
    found = False
    for place in places:
        with place.mounted(disk, read_only=True) as top:
            here = holds_system(top, place.kind)
        found = found or here
        if here:
            yield place
    if not found:
        raise StepError(
            "the partition to personalise holds no Linux root: none of its logical volumes has /etc and /usr",
            "correct personalise.root in the profile, or leave [personalise] out",
        )


def personalise(wanted: Personalisation, root: Path, nics: tuple[Nic, ...]) -> Iterator[str]:
    """Make ``root`` that of its host; yields what was done. May be repeated. Raises StepError, OSError."""
    golden = read_name(root)
    apply(changes(wanted, read_hosts(root), golden), root)
    yield f"the name {golden or 'that the image had'} is {wanted.hostname} now"
    if wanted.phone_home_url and not all(any((root / path).exists() for path in paths) for paths in CALLERS):
        yield "there is no systemd or no bash: this system will not phone home"
    if wanted.ssh_host_keys is SshHostKeys.NEW:
        yield from ssh_host_keys.renew(root, wanted.hostname)
    yield from rebind_network(root, nics)


def rebind_network(root: Path, nics: tuple[Nic, ...]) -> Iterator[str]:
    """Let what is bound to the golden machine's card be bound to this one's; yields what was done."""
    found = {
        path: text for path in _own_files(root, network_files.FILES) if (text := _read(path)) is not None
    }
    mine = {nic.mac for nic in nics}
    up = [nic.mac for nic in nics if nic.addresses] or sorted(mine)  # the agent has set up one alone
    foreign = network_files.foreign_macs(found.values(), mine)
    for path, text in found.items():
        here = network_files.foreign_macs([text], mine)
        name = path.relative_to(root)
        if here and len(foreign) == len(up) == 1:
            new = network_files.rebind(text, *foreign, *up)
            replace_file(path, new.encode(errors="surrogateescape"), 0o644)
            yield f"{name}: {', '.join(here)} of the golden machine is {up[0]} now"
        elif here:
            yield (
                f"{name}: it is for other cards ({', '.join(sorted(here))}) and stays: "
                "which of them this machine's stands for is not known"
            )


def _own_files(root: Path, patterns: Iterable[str]) -> Iterator[Path]:
    """Files of the image's own: links may lead anywhere."""
    for pattern in patterns:
        for path in sorted(root.glob(pattern)):
            if path.resolve() == root.resolve() / path.relative_to(root):
                yield path


def read_hosts(root: Path) -> str | None:
    """The image's own ``/etc/hosts``, if it is a file."""
    return _read(root / "etc/hosts")


def read_name(root: Path) -> str:
    """How the image's machine was called, without a domain: see hostname(5). Empty if that is not known."""
    lines = (line.strip() for line in (_read(root / "etc/hostname") or "").splitlines())
    return next((line.partition(".")[0] for line in lines if line and not line.startswith("#")), "")


def _read(path: Path) -> str | None:
    return path.read_text(errors="surrogateescape") if is_own_file(path) else None


def apply(wanted: Changes, root: Path) -> None:
    """Make ``wanted`` true below ``root``. May be repeated. Raises StepError, OSError."""
    for file in wanted.files:
        _write(root, file)
    for link, target in wanted.links.items():
        place = directory(root, link) / Path(link).name
        place.unlink(missing_ok=True)
        place.symlink_to(target)
    for path in wanted.removed:
        if (root / path).parent.is_dir():
            (directory(root, path) / Path(path).name).unlink(missing_ok=True)


def _write(root: Path, file: File) -> None:
    put = put_new_file if file.ours else replace_file
    put(
        directory(root, file.path) / Path(file.path).name,
        file.content.encode(errors="surrogateescape"),
        file.mode,
    )


def directory(root: Path, path: str) -> Path:
    """The directory of ``path`` below ``root``, made if need be. Raises StepError if it leads out."""
    found = root / Path(path).parent
    if not found.resolve().is_relative_to(root.resolve()):
        raise StepError(f"/{Path(path).parent} of the image leads out of it: {found.resolve()}")
    for place in (*reversed(found.relative_to(root).parents), found.relative_to(root)):
        if not (root / place).is_dir():
            (root / place).mkdir()
            label_like((root / place).parent, root / place)
    return found


@contextmanager
def _explained(top: Path) -> Iterator[None]:
    """What the image's file system refuses, in words."""
    try:
        yield
    except OSError as error:
        name = str(error.filename or "").removeprefix(str(top)) or "a file"
        raise StepError(
            f"{name} of the image cannot be changed: {error.strerror}",
            HINTS.get(error.errno or 0, "look at the partition with the rescue profile"),
        ) from error
