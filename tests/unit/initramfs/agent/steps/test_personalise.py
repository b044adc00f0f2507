"""Applying a host's identity to a root, on real directories, hostile ones included."""

import os
from pathlib import Path

import pytest

from initramfs.agent.errors import StepError
from initramfs.agent.steps.host_files import changes
from initramfs.agent.steps.linux_root import roots_in
from initramfs.agent.steps.personalise import apply, read_hosts
from initramfs.messages import Personalisation

WANTED = Personalisation(
    root=5, hostname="rifpc7", phone_home_url="http://10.0.0.1/api", phone_home_token="t"
)


@pytest.fixture
def root(tmp_path: Path) -> Path:
    """A Linux root as far as we care."""
    (tmp_path / "root/etc").mkdir(parents=True)
    (tmp_path / "root/etc/hostname").write_text("golden\n")
    return tmp_path / "root"


def test_the_identity_is_applied_and_may_be_again(root: Path) -> None:
    """A run that was cut is repeated; the second time changes nothing."""
    for _ in range(2):
        apply(changes(WANTED, read_hosts(root)), root)
    assert (root / "etc/hostname").read_text() == "rifpc7\n"
    assert (root / "etc/hosts").read_text().count("rifpc7") == 1
    assert (root / "usr/local/lib/clonesys/phone-home").stat().st_mode & 0o777 == 0o755
    assert (root / "etc/clonesys/phone-home.json").stat().st_mode & 0o777 == 0o600
    link = root / "etc/systemd/system/multi-user.target.wants/clonesys-phone-home.service"
    assert str(link.readlink()) == "/etc/systemd/system/clonesys-phone-home.service"
    assert not list(root.rglob(".clonesys-*"))


def test_a_symlink_in_the_image_is_replaced_not_followed(root: Path, tmp_path: Path) -> None:
    """/etc/hostname pointing out of the root must not make us write there."""
    victim = tmp_path / "victim"
    victim.write_text("precious")
    (root / "etc/hostname").unlink()
    (root / "etc/hostname").symlink_to(victim)
    apply(changes(WANTED, None), root)
    assert victim.read_text() == "precious"
    assert (root / "etc/hostname").read_text() == "rifpc7\n"


def test_nothing_of_the_image_is_written_through(root: Path, tmp_path: Path) -> None:
    """Whoever made the image knows the name under which files are made before they are put in place."""
    victim = tmp_path / "another disk"
    victim.write_text("precious")
    (root / "etc/.clonesys-hostname").symlink_to(victim)
    os.mkfifo(root / "etc/.clonesys-hosts")
    apply(changes(WANTED, None), root)
    assert victim.read_text() == "precious"
    assert (root / "etc/hostname").read_text() == "rifpc7\n"
    assert not list(root.rglob(".clonesys-*"))


def test_a_directory_in_the_way_is_told(root: Path) -> None:
    """It is the image's, and stays."""
    (root / "etc/.clonesys-hostname/kept").mkdir(parents=True)
    with pytest.raises(StepError, match="cannot be made in the image"):
        apply(changes(WANTED, None), root)
    assert (root / "etc/.clonesys-hostname/kept").is_dir()


def test_a_directory_that_leads_out_is_refused(root: Path, tmp_path: Path) -> None:
    """Likewise for a directory on the way."""
    (tmp_path / "outside").mkdir()
    (root / "usr").symlink_to(tmp_path / "outside")
    with pytest.raises(StepError, match="leads out"):
        apply(changes(WANTED, None), root)
    assert not list((tmp_path / "outside").iterdir())


def test_what_is_no_linux_root_is_refused(tmp_path: Path) -> None:
    """A data partition has no /etc; writing one there would be wrong silently. Nor is a link one."""
    with pytest.raises(StepError, match="not a Linux root"):
        roots_in(tmp_path, "ext4")
    (tmp_path / "etc").symlink_to("/etc")
    with pytest.raises(StepError, match="not a Linux root"):
        roots_in(tmp_path, "ext4")


def test_where_nothing_is_to_be_removed_nothing_is_made(root: Path) -> None:
    """A folder below /var would lie under what is mounted there."""
    apply(changes(WANTED, None), root)
    assert not (root / "var").exists()
