"""From the description to the two files that a machine boots: a kernel and its initramfs.

The initramfs is a chain of archives, which the kernel unpacks one after another:

* ``base``: packages and kernel modules. Slow to make, so it is kept by the digest of all
  that shapes it: the description, the resolved packages, the builder itself.
* ``agent``: our Python and ``files/``. Changes with every commit, made in a second.
* ``site``: the appliance's public key. Not compressed: it is one small file.

Folders of the cache are there completely or not at all, and one builder works at a time.
Must not know what the agent does, nor who wants the image.
"""

from __future__ import annotations

import fcntl
import hashlib
import shutil
import sys
import tempfile
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from initramfs.builder import archive, base
from initramfs.builder.apt import resolve
from initramfs.builder.python import agent_entries, source_files
from initramfs.builder.spec import Spec

Report = Callable[[str], None]

PUBLIC_KEY = "etc/clonesys/appliance.pub"
KEPT = 3
"""How many finished bases and images stay in the cache: switching between branches rebuilds nothing."""


@dataclass(frozen=True, slots=True)
class Built:
    """What a build gives: two files in the cache (copy them), the kernel's release, sizes in bytes.

    ``digest`` names the image: equal digests, equal bytes.
    """

    kernel: Path
    initramfs: Path
    release: str
    size: int
    digest: str


def build(
    spec: Spec, cache: Path, *, public_key: bytes, refresh: bool = False, report: Report = lambda _line: None
) -> Built:
    """Build the image, or take it from ``cache``.

    The archive is asked for newer packages once a day, or now with ``refresh``. ``public_key`` is the
    content of ``/etc/clonesys/appliance.pub``. Raises BuildError.
    """
    cache.mkdir(parents=True, exist_ok=True)
    with locked(cache / "lock"):
        packages = resolve(spec, cache, refresh=refresh, report=report)
        base_digest = _digest(spec.digest(), packages, _contents(_builder()), sys.version_info[:2])
        base_folder = cache / "base" / base_digest
        if not base_folder.exists():
            with replace(base_folder) as new:
                base.build(spec, packages, cache, new, report)
        digest = _digest(base_digest, _contents(source_files()), public_key)
        folder = cache / "image" / digest
        if not folder.exists():
            _assemble(base_folder, folder, public_key, report)
        forget_old(cache / "base", KEPT, base_folder)
        forget_old(cache / "image", KEPT, folder)
    return _built(folder, digest)


@contextmanager
def locked(path: Path) -> Iterator[None]:
    """Wait until no other builder works with this lock file, and keep others out meanwhile."""
    with path.open("w") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        yield


@contextmanager
def replace(folder: Path) -> Iterator[Path]:
    """A new folder to fill, which becomes ``folder`` only if the body succeeds."""
    folder.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=folder.parent, prefix=".new-") as work:
        new = Path(work) / "folder"
        new.mkdir()
        yield new
        if folder.exists():
            shutil.rmtree(folder)
        new.rename(folder)


def forget_old(parent: Path, keep: int, current: Path) -> None:
    """Remove all but the ``keep`` youngest folders in ``parent``; ``current`` counts as the youngest."""
    current.touch()
    folders = [path for path in parent.iterdir() if path.is_dir() and not path.name.startswith(".")]
    for path in sorted(folders, key=lambda path: path.stat().st_mtime, reverse=True)[keep:]:
        shutil.rmtree(path)


def _assemble(base_folder: Path, folder: Path, public_key: bytes, report: Report) -> None:
    """Join the three layers."""
    report("packing the agent")
    with replace(folder) as new:
        shutil.copyfile(base_folder / base.KERNEL, new / base.KERNEL)
        shutil.copyfile(base_folder / base.RELEASE, new / base.RELEASE)
        shutil.copyfile(base_folder / base.ARCHIVE, new / "initramfs.img")
        with tempfile.TemporaryFile() as agent:
            archive.compress(archive.pack(agent_entries()), agent)
            agent.seek(0)
            layers = [agent.read(), b"".join(archive.pack(_site(public_key)))]
        with (new / "initramfs.img").open("ab") as image:
            for layer in layers:
                image.write(bytes(-image.tell() % archive.ALIGNMENT))
                image.write(layer)


def _site(public_key: bytes) -> Iterable[archive.Entry]:
    return [archive.directory("etc/clonesys"), archive.file(PUBLIC_KEY, public_key)]


def _built(folder: Path, digest: str) -> Built:
    image = folder / "initramfs.img"
    return Built(
        folder / base.KERNEL, image, (folder / base.RELEASE).read_text(), image.stat().st_size, digest
    )


def _builder() -> list[Path]:
    return sorted(Path(__file__).parent.glob("*.py"))


def _contents(paths: Iterable[Path]) -> list[list[str]]:
    home = Path(__file__).parent.parent
    return [[str(path.relative_to(home)), hashlib.sha256(path.read_bytes()).hexdigest()] for path in paths]


def _digest(*parts: object) -> str:
    """SHA-256 (hex) of the parts; each prints as everything that it holds."""
    return hashlib.sha256(repr(parts).encode()).hexdigest()
