"""What differs between Debian's releases and between architectures: a table of each.

Facts only. ``image.toml`` names its row of both tables, and writes their words in braces
where it means them (``usr/lib/{python}``). All other modules read the row: no other place
knows a version or an architecture.
"""

from __future__ import annotations

from dataclasses import asdict, dataclass


@dataclass(frozen=True, slots=True)
class Suite:
    """One release of Debian.

    Attributes:
        python: the interpreter's program, and its folder below ``usr/lib``.
        libdb: the package of Berkeley DB, whose name carries its version.
        libicu: the package of ICU, likewise.
    """

    python: str
    libdb: str
    libicu: str


@dataclass(frozen=True, slots=True)
class Architecture:
    """One architecture of Debian.

    Attributes:
        kernel: the package that brings the newest kernel.
        multiarch: the folder of shared libraries below ``usr/lib``.
        loaders: the folder of the ELF interpreter (System V ABI), which programs name by its path.
    """

    kernel: str
    multiarch: str
    loaders: str


SUITES = {"bookworm": Suite(python="python3.11", libdb="libdb5.3", libicu="libicu72")}
"""By code name."""

ARCHITECTURES = {
    "amd64": Architecture(kernel="linux-image-amd64", multiarch="x86_64-linux-gnu", loaders="usr/lib64"),
}
"""By dpkg's name."""


def words(suite: Suite, architecture: Architecture) -> dict[str, str]:
    """The facts of both rows by their names, for ``image.toml``."""
    return asdict(suite) | asdict(architecture)


def python_folders(suite: Suite) -> tuple[str, ...]:
    """Where Python modules lie: the standard library, and what packages add."""
    return (f"usr/lib/{suite.python}", "usr/lib/python3/dist-packages")


def library_folders(architecture: Architecture) -> tuple[str, ...]:
    """Where the loader looks for shared libraries, the first first."""
    return (f"usr/lib/{architecture.multiarch}", architecture.loaders, "usr/lib")
