"""Debian packages from this machine's own package sources, whatever is installed on it.

apt does the work (mirrors, proxies, signatures, dependencies) with a state of its
own in the cache folder: its list of installed packages holds only those that
``image.toml`` declares absent, so that the answer depends on the archive alone. That is
asked for once a day and remembered in between: a cached build needs no network, and a lab
of a hundred builds asks the mirror once.
"""

from __future__ import annotations

import hashlib
import json
import time
from collections.abc import Callable, Iterable
from dataclasses import asdict, dataclass
from pathlib import Path

from initramfs.builder.errors import CommandError, SourceError
from initramfs.builder.run import run
from initramfs.builder.sources import host_sources
from initramfs.builder.spec import Spec

FRESH = 24 * 3600.0
"""Seconds for which the archive's answer is taken as it is."""

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
    """apt with its state below ``root``, for packages of ``architecture``."""

    root: Path
    architecture: str

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
            "APT::Architecture": self.architecture,
            "APT::Architectures": self.architecture,
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


def apt_of(spec: Spec, cache: Path) -> Apt:
    """The apt whose state is kept in ``cache``."""
    return Apt(cache / "apt", spec.architecture)


def resolve(spec: Spec, cache: Path, *, refresh: bool, report: Callable[[str], None]) -> tuple[Package, ...]:
    """The packages of ``spec``. Yesterday's answer is better than none when the archive is out of reach."""
    path = cache / "resolved.json"
    sources = host_sources(spec.suite)
    key = _key(spec, sources)
    known, age = recall(path.read_text() if path.exists() else "", key, time.time())
    if known and age < FRESH and not refresh:
        return known
    report("asking Debian's archive for the packages")
    apt = apt_of(spec, cache)
    try:
        apt.refresh(sources)
    except CommandError:
        if not known or refresh:
            raise
        report(f"the archive cannot be reached; using its answer of {age / 3600:.0f} hours ago")
        return known
    packages = apt.resolve(spec)
    path.write_text(record(packages, key, time.time()))
    return packages


def record(packages: tuple[Package, ...], key: str, now: float) -> str:
    """An answer as text."""
    return json.dumps(
        {"key": key, "at": now, "packages": [asdict(package) for package in packages]}, indent=1
    )


def recall(text: str, key: str, now: float) -> tuple[tuple[Package, ...], float]:
    """The packages of a recorded answer to the same question, and its age in seconds; else none."""
    answer = json.loads(text) if text else {}
    if answer.get("key") != key:
        return (), 0.0
    return tuple(Package(**package) for package in answer["packages"]), now - answer["at"]


def _key(spec: Spec, sources: str) -> str:
    question = [sorted(spec.packages), sorted(spec.absent), spec.architecture, sources]
    return hashlib.sha256(json.dumps(question).encode()).hexdigest()
