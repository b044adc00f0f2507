"""Profiles as files: ``profiles/NAME.toml`` in an appliance. ``reading`` says what is in them."""

from __future__ import annotations

from pathlib import Path

from provisioner.base import access, durable
from provisioner.base.errors import ConflictError, InvalidError, NotFoundError, ProvisionerError
from provisioner.base.home import Home
from provisioner.profiles.model import NAME, Profile
from provisioner.profiles.reading import BUILT_IN, read_profile


def list_profiles(home: Path) -> dict[str, Profile | ProvisionerError]:
    """Every profile by name, the built-in ones too; for a file that is wrong, what is wrong with it."""
    names = [name for name in profile_names(home) if name not in BUILT_IN]
    found: dict[str, Profile | ProvisionerError] = dict(BUILT_IN)
    for name in names:
        try:
            found[name] = load_profile(home, name)
        except ProvisionerError as error:
            found[name] = error
    return found


def profile_names(home: Path) -> list[str]:
    """The names of all profiles, the built-in ones first."""
    return [*BUILT_IN, *sorted({path.stem for path in Home(home).profiles.glob("*.toml")} - set(BUILT_IN))]


def load_profile(home: Path, name: str) -> Profile:
    """One profile. Raises NotFoundError, or InvalidError with all of the file's problems."""
    if name in BUILT_IN:
        return BUILT_IN[name]
    return read_profile(read_text(home, name), name)


def read_text(home: Path, name: str) -> str:
    """A profile's file as it was written. Raises NotFoundError."""
    path = _path(home, name)
    if not path.is_file():
        raise NotFoundError(f"there is no profile {name!r}", "see 'clonesys profile list'")
    return path.read_text()


def add_profile(home: Path, name: str, text: str, *, replace: bool = False) -> Profile:
    """Check a profile and keep it. Raises InvalidError, or ConflictError if the name is taken."""
    path = _path(home, name)
    if name in BUILT_IN:
        raise ConflictError(f"{name!r} is built in", "choose another name with --name")
    if path.exists() and not replace:
        raise ConflictError(f"there is a profile {name!r} already", "add --replace")
    profile = read_profile(text, name)
    try:
        durable.replace(path, text.encode())
    except OSError as error:
        raise access.in_words(error, path) from error
    return profile


def remove_profile(home: Path, name: str) -> None:
    """Remove a profile's file; queued jobs made from it keep their snapshot. Raises NotFoundError."""
    if name in BUILT_IN:
        raise ConflictError(f"{name!r} is built in and stays")
    read_text(home, name)
    _path(home, name).unlink()
    durable.sync(Home(home).profiles)


def _path(home: Path, name: str) -> Path:
    if not NAME.fullmatch(name):
        raise InvalidError(f"{name!r:.80} is no profile name", (), "use lower case letters, digits, . _ -")
    return Home(home).profiles / f"{name}.toml"
