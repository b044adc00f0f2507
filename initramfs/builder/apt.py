"""Debian packages from this machine's own package sources, whatever is installed on it.

apt does the work (mirrors, proxies, signatures, dependencies) with a state of its
own in the cache folder: its list of installed packages holds only those that
``image.toml`` declares absent, so that the answer depends on the archive alone. Of
the machine's sources only Debian's own suites are used: what people add to
``/etc/apt`` for other software must not leak into the image.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

from initramfs.builder.errors import SourceError
from initramfs.builder.run import run
from initramfs.builder.sources import select
from initramfs.builder.spec import Spec

ARCHITECTURE = "amd64"
ETC = Path("/etc/apt")
OS_RELEASE = Path("/etc/os-release")

STANZA = """\
Package: {name}
Status: install ok installed
Version: 999:0
Architecture: all
Multi-Arch: foreign
Maintainer: nobody <nobody@localhost>
Description: the image does without it

"""

PREFERENCES = """\
Explanation: a repository may call its suite like Debian's; Debian's packages win whatever their version
Package: *
Pin: release o=Debian
Pin-Priority: 990
"""


@dataclass(frozen=True, slots=True, order=True)
class Package:
    """One package of the archive, as apt names it; ``size`` in bytes."""

    name: str
    version: str
    file: str
    size: int


@dataclass(frozen=True, slots=True)
class Apt:
    """apt with its state below ``root``."""

    root: Path

    @property
    def archives(self) -> Path:
        """Where downloaded packages lie. Not where apt looks: it would not name a package that is there."""
        return self.root / "packages"

    def refresh(self, sources: str) -> None:
        """Fetch the lists of packages of ``sources`` (deb822). Raises CommandError if that fails."""
        for folder in ("lists/partial", "archives/partial", "packages", "none"):
            (self.root / folder).mkdir(parents=True, exist_ok=True)
        (self.root / "debian.sources").write_text(sources)
        (self.root / "preferences").write_text(PREFERENCES)
        self._run("update", "--error-on=any")

    def resolve(self, spec: Spec) -> tuple[Package, ...]:
        """Every package that the image needs, sorted. Uses the lists of the last :meth:`refresh`."""
        (self.root / "status").write_text(claim(spec.absent))
        return parse_uris(
            self._run("install", "--yes", "--no-install-recommends", "--print-uris", *spec.packages)
        )

    def download(self, packages: Iterable[Package]) -> list[Path]:
        """Fetch what is missing (apt checks signatures and digests) and return all files, in order."""
        wanted = list(packages)
        missing = [package for package in wanted if not self._has(package)]
        if missing:
            self._run("download", *(f"{p.name}={p.version}" for p in missing), cwd=self.archives)
        if absent := [package.file for package in wanted if not self._has(package)]:
            raise SourceError(
                f"apt did not deliver {', '.join(absent)}", "the archive may have moved on: use --refresh"
            )
        return [self.archives / package.file for package in wanted]

    def prune(self, packages: Iterable[Package]) -> None:
        """Forget downloaded packages other than these."""
        keep = {package.file for package in packages}
        for path in self.archives.glob("*.deb"):
            if path.name not in keep:
                path.unlink()

    def _has(self, package: Package) -> bool:
        path = self.archives / package.file
        return path.is_file() and path.stat().st_size == package.size

    def _run(self, *arguments: str, cwd: Path | None = None) -> str:
        root = self.root.absolute()
        settings = {
            "APT::Architecture": ARCHITECTURE,
            "APT::Architectures": ARCHITECTURE,
            "APT::Default-Release": "",
            # The cache folder may be one that apt's own unprivileged user cannot enter.
            "APT::Sandbox::User": "root",
            "Acquire::Languages": "none",
            "Dir::State": root,
            "Dir::State::status": root / "status",
            "Dir::Cache": root,
            "Dir::Etc::sourcelist": root / "debian.sources",
            "Dir::Etc::sourceparts": root / "none",
            "Dir::Etc::preferences": root / "preferences",
            "Dir::Etc::preferencesparts": root / "none",
        }
        options = [word for key, value in settings.items() for word in ("-o", f"{key}={value}")]
        return run(["apt-get", "-q", "-q", *options, *arguments], cwd=cwd)


def host_sources() -> str:
    """This machine's sources of Debian proper, as one text. Raises SourceError if there are none."""
    codename = _codename(OS_RELEASE.read_text())
    files = [ETC / "sources.list", *sorted((ETC / "sources.list.d").glob("*"))]
    texts = [(path.name, path.read_text()) for path in files if path.is_file()]
    stanzas = select(texts, codename)
    if not stanzas:
        raise SourceError(
            f"no package source for Debian's suite {codename}, component main, below {ETC}",
            "the initramfs is built from Debian's packages: build it on a Debian machine that can reach them",
        )
    return stanzas


def claim(absent: Iterable[str]) -> str:
    """A dpkg status that says these are installed: apt then leaves out them and what only they need."""
    return "".join(STANZA.format(name=name) for name in absent)


def parse_uris(text: str) -> tuple[Package, ...]:
    """Read ``apt-get install --print-uris``: lines of ``'uri' file size [digest]``."""
    lines = (line.split() for line in text.splitlines() if line.startswith("'"))
    return tuple(sorted(_package(words[1], int(words[2])) for words in lines))


def _package(file: str, size: int) -> Package:
    """The name and version from a file name such as ``libgmp10_2%3a6.2.1-1_amd64.deb``."""
    name, version, _architecture = file.split("_")
    return Package(name, version.replace("%3a", ":"), file, size)


def _codename(os_release: str) -> str:
    for line in os_release.splitlines():
        key, _, value = line.partition("=")
        if key == "VERSION_CODENAME":
            return value.strip('"')
    raise SourceError(
        f"{OS_RELEASE} names no VERSION_CODENAME", "build the initramfs on a Debian release, not on testing"
    )
