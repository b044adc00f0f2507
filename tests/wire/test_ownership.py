"""What root does in a home that is another user's: it follows no link, and gives away only what it made."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from provisioner.base import durable
from provisioner.base.home import Home
from provisioner.base.ownership import Owner, close_to_others, hand_over, make_folder
from provisioner.boot.files import install
from provisioner.commands import init_appliance
from provisioner.images.formats.imports import workspace
from provisioner.stores.directory.incoming import ingest
from provisioner.stores.directory.places import Places
from provisioner.stores.errors import StoreError
from provisioner.stores.files import locked, write_new
from tests.lab.readable import open_folder

pytestmark = [
    pytest.mark.wire,
    pytest.mark.root,
    pytest.mark.skipif(os.geteuid() != 0, reason="only root can give files away"),
]

SECRET = "not theirs"


@pytest.fixture
def user() -> Owner:
    """Whose the home is."""
    found = Owner.named("nobody")
    assert found
    return found


@pytest.fixture
def home(user: Owner) -> Iterator[Path]:
    """A folder of theirs."""
    with open_folder() as folder:
        path = folder / "home"
        path.mkdir()
        os.chown(path, user.uid, user.gid)
        yield path


@pytest.fixture
def victim(tmp_path: Path) -> Path:
    """A file of root's."""
    path = tmp_path / "shadow"
    path.write_text(SECRET)
    path.chmod(0o644)
    return path


def is_untouched(victim: Path) -> bool:
    """Whether it is as it was."""
    found = victim.stat()
    return (found.st_uid, found.st_mode & 0o777, victim.read_text()) == (0, 0o644, SECRET)


def test_a_lock_that_is_a_link_is_refused(home: Path, victim: Path) -> None:
    """Locks are made where they are missing; what such a name leads to must not become its owner's."""
    (home / "lock").symlink_to(victim)
    with pytest.raises(StoreError), locked(home / "lock", exclusive=True):
        pass
    assert is_untouched(victim)


def test_what_was_there_is_not_given_away(home: Path, victim: Path) -> None:
    """A second name of a file is a file, not a link."""
    victim.rename(home / "lock")
    with locked(home / "lock", exclusive=True):
        assert is_untouched(home / "lock")


def test_a_new_lock_is_its_folders(home: Path, user: Owner) -> None:
    """And stays so when it is there."""
    for _ in range(2):
        with locked(home / "lock", exclusive=True):
            assert Owner.of(home / "lock") == user


def test_a_note_that_is_a_link_is_refused(home: Path, victim: Path, user: Owner) -> None:
    """Of a capture under way, in whose folder the services may write."""
    places = Places(home / "store")
    places.make()
    digest = bytes(32)
    make_folder(places.chunk(digest).parent)
    write_new(places.chunk(digest), b"")
    with ingest(places) as incoming:
        (folder,) = (path for path in places.incoming.iterdir() if path != places.uploads)
        (folder / "relied").symlink_to(victim)
        with pytest.raises(StoreError):
            incoming.has([digest])
    assert is_untouched(victim)
    assert Owner.of(places.incoming) == user


def test_boot_files_are_copied_beside_a_link(home: Path, victim: Path, tmp_path: Path, user: Owner) -> None:
    """Not through it."""
    boot = Home(home).boot
    make_folder(boot)
    (boot / ".new-vmlinuz").symlink_to(victim)
    kernel = tmp_path / "kernel"
    kernel.write_text("kernel")
    install(home, {"vmlinuz": kernel})
    assert is_untouched(victim)
    assert (boot / "vmlinuz").read_text() == "kernel"
    assert not (boot / "vmlinuz").is_symlink()
    assert Owner.of(boot / "vmlinuz") == user


def test_rights_are_not_taken_from_what_a_link_leads_to(home: Path, victim: Path) -> None:
    """'init' is said again whenever a boot loader was missing."""
    (home / "clonesys.toml").symlink_to(victim)
    close_to_others(home / "clonesys.toml")
    assert is_untouched(victim)


SWAPPING = """
import os, pathlib, sys
from provisioner.base.ownership import Owner, hand_over
home, outside = map(pathlib.Path, sys.argv[1:3])
def swap(event, arguments):
    global swapped
    if not swapped and event in {"os.scandir", "open"} and str(arguments[0]).endswith("inside"):
        swapped = True
        (home / "inside").rename(home / "away")
        (home / "inside").symlink_to(outside)
swapped = False
sys.addaudithook(swap)
hand_over(home, Owner(int(sys.argv[3]), int(sys.argv[4])))
assert swapped
"""
"""Puts a link in the place of a folder at the worst moment: it was looked at, and is about to be opened."""


def test_a_home_is_handed_over_without_following_links(home: Path, victim: Path, user: Owner) -> None:
    """Those neither that come while root walks, in the part that is theirs already."""
    (home / "inside").mkdir()
    words = (str(home), str(victim.parent), str(user.uid), str(user.gid))
    subprocess.run((sys.executable, "-c", SWAPPING, *words), check=True)
    assert is_untouched(victim)


def test_a_hand_over_that_was_cut_off_is_seen(home: Path, user: Owner) -> None:
    """The home itself comes last: 'init --owner' said again does the rest."""
    os.chown(home, 0, 0)
    (home / "mounted").mkdir()
    program = "import sys, pathlib; from provisioner.base.ownership import Owner, hand_over; "
    program += f"hand_over(pathlib.Path(sys.argv[1]), Owner({user.uid}, {user.gid}))"
    script = 'mount -t tmpfs -o ro none "$1/mounted" && exec "$2" -c "$3" "$1"'
    command = ("unshare", "--mount", "sh", "-c", script, "sh", home, sys.executable, program)
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert "Read-only file system" in done.stderr
    assert Owner.of(home).uid == 0


def test_a_home_behind_a_link_is_handed_over(home: Path, user: Owner) -> None:
    """An administrator has put it on a larger disk."""
    os.chown(home, 0, 0)
    (home / "file").touch()
    link = home.with_name("link")
    link.symlink_to(home)
    hand_over(link, user)
    assert Owner.of(home) == user
    assert Owner.of(home / "file") == user


def test_folders_above_a_new_home_let_its_owner_through(home: Path, user: Owner) -> None:
    """They are not the appliance's."""
    above = home.parent / "above"
    init_appliance.create(above / "home", user)
    assert above.stat().st_mode & 0o005 == 0o005
    assert Owner.of(above / "home") == user


def test_the_folder_for_imports_is_the_owners(home: Path, user: Owner) -> None:
    """The next image may be imported by them."""
    with workspace(home / "store" / "unpacked"):
        assert Owner.of(home / "store" / "unpacked") == user


def test_a_replaced_file_is_its_folders(home: Path, user: Owner) -> None:
    """Whose the one before was counts for nothing."""
    durable.replace(home / "admin", b"hash", 0o600)
    durable.replace(home / "admin", b"other", 0o600)
    found = (home / "admin").stat()
    assert (found.st_uid, found.st_mode & 0o777) == (user.uid, 0o600)
    assert [path.name for path in home.iterdir()] == ["admin"]
