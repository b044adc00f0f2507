"""What the image should hold: ``image.toml``, read and checked.

Values only; nothing is built here. Everything in the file has its reason beside it, which is
checked too: a reason is a sentence, not an empty string. Words in braces are filled in from
the suite's and the architecture's row in ``suites``.
"""

from __future__ import annotations

import hashlib
import tomllib
from collections.abc import Mapping
from pathlib import Path
from typing import Annotated

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, ValidationError

from initramfs.builder import suites
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
        suite: the code name of the Debian release that it is made of.
        architecture: what it runs on, in dpkg's words.
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

    suite: str
    architecture: str
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

    @property
    def suite_facts(self) -> suites.Suite:
        """The row of the suite."""
        return suites.SUITES[self.suite]

    @property
    def architecture_facts(self) -> suites.Architecture:
        """The row of the architecture."""
        return suites.ARCHITECTURES[self.architecture]

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
    """Fill in and check a spec's table. Raises SpecError with all that is wrong with it."""
    try:
        return Spec.model_validate(_filled(table, _words(table)))
    except ValidationError as error:
        wrong = "\n".join(f"  {'.'.join(map(str, at['loc']))}: {at['msg']}" for at in error.errors())
        raise SpecError(
            f"the image's description is wrong:\n{wrong}",
            "see initramfs/builder/spec.py for what may stand where",
        ) from error


def _words(table: Mapping[str, object]) -> dict[str, str]:
    suite, architecture = str(table.get("suite")), str(table.get("architecture"))
    if suite not in suites.SUITES or architecture not in suites.ARCHITECTURES:
        raise SpecError(
            f"nothing is known of Debian's suite {suite} for {architecture}",
            f"known: {', '.join(suites.SUITES)} for {', '.join(suites.ARCHITECTURES)}; "
            "see initramfs/builder/suites.py",
        )
    return suites.words(suites.SUITES[suite], suites.ARCHITECTURES[architecture])


def _filled(value: object, words: Mapping[str, str]) -> object:
    """``value`` with the words in braces of all its texts filled in, keys included."""
    match value:
        case str():
            return _text(value, words)
        case Mapping():
            return {_text(key, words): _filled(held, words) for key, held in value.items()}
        case list():
            return [_filled(held, words) for held in value]
        case _:
            return value


def _text(text: str, words: Mapping[str, str]) -> str:
    try:
        return text.format_map(words)
    except (KeyError, ValueError, IndexError) as error:
        raise SpecError(
            f"the image's description has unknown words in braces: {text}", f"known: {', '.join(words)}"
        ) from error
