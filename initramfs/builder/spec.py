"""What the image should hold: ``image.toml``, read and checked.

Values only; building is somebody else's. Everything in the file has its reason
beside it, which is checked too: a reason is a sentence, not an empty string.
"""

from __future__ import annotations

import hashlib
import tomllib
from collections.abc import Mapping
from pathlib import Path
from typing import Annotated

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, ValidationError

from initramfs.builder.errors import SpecError

DEFAULT = Path(__file__).with_name("image.toml")

Reason = Annotated[str, Field(min_length=4)]


class _Strict(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


class Program(_Strict):
    """One program to keep, and how the self test in the image tries it: arguments, and statuses that pass."""

    why: Reason
    test: tuple[str, ...] = ("--version",)
    status: tuple[int, ...] = (0,)


class FileSystem(_Strict):
    """One file system that the kernel of the image must mount, and the command that makes one in a file."""

    make: tuple[str, ...]
    why: Reason


class Link(_Strict):
    """One symbolic link to add."""

    to: str
    why: Reason


def _short(value: object) -> object:
    """A program that is tried with ``--version`` is written as its reason alone."""
    return {"why": value} if isinstance(value, str) else value


class Spec(_Strict):
    """The declared content of the image.

    Attributes:
        packages: Debian packages to install, with their dependencies.
        absent: packages that others depend on and that the image does without.
        programs: by name, everything that may stay in ``bin`` and ``sbin``.
        libraries: shared libraries that no program names but that are loaded at run time.
        links: symbolic links to add, by path.
        modules: kernel modules: folders or shell patterns below ``kernel/``.
        unwanted_modules: what of these folders is left out, unless something wanted needs it.
        remove: shell patterns of paths that are not unpacked.
        python: Python modules that the self test imports.
        filesystems: by the kernel's name, file systems that the self test makes and mounts.
    """

    packages: dict[str, Reason]
    absent: dict[str, Reason]
    programs: dict[str, Annotated[Program, BeforeValidator(_short)]]
    libraries: dict[str, Reason]
    links: dict[str, Link]
    modules: dict[str, Reason]
    unwanted_modules: dict[str, Reason]
    remove: dict[str, Reason]
    python: dict[str, Reason]
    filesystems: dict[str, FileSystem]

    def digest(self) -> str:
        """SHA-256 (hex) of everything in it: what was built from an equal spec need not be built again."""
        return hashlib.sha256(self.model_dump_json().encode()).hexdigest()


def load(path: Path = DEFAULT) -> Spec:
    """Read a spec. Raises SpecError with all that is wrong with it."""
    try:
        return parse(tomllib.loads(path.read_text()))
    except (OSError, tomllib.TOMLDecodeError) as error:
        raise SpecError(f"{path}: {error}") from error


def parse(table: Mapping[str, object]) -> Spec:
    """Check a spec's table. Raises SpecError with all that is wrong with it."""
    try:
        return Spec.model_validate(table)
    except ValidationError as error:
        wrong = "\n".join(f"  {'.'.join(map(str, at['loc']))}: {at['msg']}" for at in error.errors())
        raise SpecError(
            f"the image's description is wrong:\n{wrong}",
            "see initramfs/builder/spec.py for what may stand where",
        ) from error
