"""A host's identity on real file systems: with their labels and lists, in subvolumes; and never too late."""

from __future__ import annotations

import os
import struct
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from initramfs.agent.errors import PlanError, StepError
from initramfs.agent.steps.linux_root import folders_of, roots_in
from initramfs.agent.steps.personalise import personalise
from initramfs.imaging.device.mounting import mounted_part
from initramfs.imaging.label.model import Bounds
from initramfs.messages import (
    DiskRule,
    Install,
    Job,
    Nic,
    PartitionImage,
    Personalisation,
    RestorePartitions,
    SshHostKeys,
)
from tests.images import content, filesystems
from tests.images.disk import Slot, insert, partition
from tests.images.filesystems import MIB, blank
from tests.images.image_command import Appliance
from tests.images.job_machine import machine
from tests.lab.command import run

pytestmark = [
    pytest.mark.root,
    pytest.mark.skipif(os.geteuid() != 0, reason="loop devices need root"),
]

UUID = "c10e5500-0000-4000-8000-00000000000{}"
MAC, GOLDEN = "52:54:00:00:00:17", "52:54:00:aa:bb:cc"
NICS = (Nic("eth0", MAC, addresses=("192.0.2.17",)), Nic("eth1", "52:54:00:00:00:18"))
WANTED = Personalisation(1, "pc17", "lab")
LABEL = b"system_u:object_r:net_conf_t:s0\0"

NETPLAN = f"network: {{ethernets: {{ens3: {{match: {{macaddress: '{GOLDEN}'}}, dhcp4: true}}}}}}\n"
UDEV = f'SUBSYSTEM=="net", ATTR{{address}}=="{GOLDEN}", NAME="eth0"\n'
WIFI = f"[connection]\ntype=wifi\n[wifi]\nmac-address={GOLDEN.upper()}\n"
WIRED = f"[connection]\ntype=ethernet\n[ethernet]\nmac-address={GOLDEN.upper()}\n"
CARDS = {
    "etc/netplan/50-cloud-init.yaml": NETPLAN,
    "etc/udev/rules.d/70-persistent-net.rules": UDEV,
    "etc/NetworkManager/system-connections/wired.nmconnection": WIRED,
    "etc/systemd/network/10-lan.link": f"[Match]\nMACAddress={GOLDEN.replace(':', '-')}\n",
}


def write(root: Path, files: dict[str, str]) -> None:
    """Texts below ``root``."""
    for name, text in files.items():
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        (root / name).write_text(text)


@contextmanager
def made(path: Path, kind: str = "ext4", size: int = 16) -> Iterator[Path]:
    """A fresh file system, mounted with a root's first folder."""
    blank(path, size)
    run(*content.MAKERS[kind], path)
    with content.loop(path) as device, content.mounted(device, kind) as root:
        (root / "etc").mkdir()
        yield root


@contextmanager
def opened(path: Path, kind: str = "ext4") -> Iterator[Path]:
    """As the agent mounts it."""
    with mounted_part(path, Bounds(0, path.stat().st_size), kind) as top:
        yield top


def test_what_is_replaced_keeps_owner_mode_labels_and_access_lists(tmp_path: Path) -> None:
    """Under SELinux a file without its label may not be read: services would not start."""
    acl = struct.pack("<IHHIHHIHHIHHIHHI", 2, 1, 6, 2**32 - 1, 2, 4, 1001, 4, 4, 2**32 - 1, 16, 4, 2**32 - 1,
                      32, 0, 2**32 - 1)  # fmt: skip
    names = ("hostname", "hosts", "machine-id")
    with made(tmp_path / "fs") as root:
        write(
            root, {"etc/hostname": "golden\n", "etc/hosts": "127.0.0.1 localhost\n", "etc/machine-id": "1\n"}
        )
        for name in names:
            os.chown(root / "etc" / name, 12, 34)
            (root / "etc" / name).chmod(0o640)
            os.setxattr(root / "etc" / name, "security.selinux", LABEL)
            os.setxattr(root / "etc" / name, "user.kept", b"yes")
            os.setxattr(root / "etc" / name, "system.posix_acl_access", acl)
        before = {name: attributes(root / "etc" / name) for name in names}
    with opened(tmp_path / "fs") as root:
        list(personalise(WANTED, root, NICS))
    with opened(tmp_path / "fs") as root:
        assert {name: attributes(root / "etc" / name) for name in names} == before
        assert (root / "etc/hostname").read_text() == "pc17\n"


def attributes(path: Path) -> tuple[int, int, int, dict[str, bytes]]:
    """Owner, group, mode, and all extended attributes."""
    status = path.stat()
    extended = {name: os.getxattr(path, name) for name in os.listxattr(path)}
    assert len(extended) == 3
    return status.st_uid, status.st_gid, status.st_mode, extended


def test_what_is_new_is_labelled_like_its_folder(tmp_path: Path) -> None:
    """As the kernel would; and what is secret of ours is secret, whatever lay there before."""
    with made(tmp_path / "fs") as root:
        write(root, {"etc/clonesys/phone-home.json": "{}"})
        (root / "usr").mkdir()
        for place in ("etc", "etc/clonesys", "usr"):
            os.setxattr(root / place, "security.selinux", LABEL)
    with opened(tmp_path / "fs") as root:
        said = list(personalise(Personalisation(1, "pc17", "", "http://192.0.2.1/api", "t"), root, NICS))
        assert any("will not phone home" in line for line in said)
        for name in ("etc/hostname", "etc/clonesys/phone-home.json", "usr/local/lib"):
            assert os.getxattr(root / name, "security.selinux") == LABEL
        assert (root / "etc/clonesys/phone-home.json").stat().st_mode & 0o777 == 0o600


def test_every_clone_has_host_keys_of_its_own(tmp_path: Path) -> None:
    """Of the kinds that the image had, readable by OpenSSH, with its attributes; DSA and certificates go."""
    with made(tmp_path / "fs") as root:
        (root / "etc/ssh").mkdir()
        for kind in ("ed25519", "rsa", "ecdsa"):
            run("ssh-keygen", "-q", "-t", kind, "-N", "", "-f", root / f"etc/ssh/ssh_host_{kind}_key")
        names = ("ssh_host_dsa_key", "ssh_host_dsa_key.pub", "ssh_host_rsa_key-cert.pub")
        write(root, {f"etc/ssh/{name}": "golden" for name in names})
        write(root, {"etc/ssh/sshd_config": "HostKey /etc/ssh/ssh_host_rsa_key\nHostKey /srv/key\n"})
        os.chown(root / "etc/ssh/ssh_host_rsa_key", 0, 998)
        (root / "etc/ssh/ssh_host_rsa_key").chmod(0o640)
        golden = {path.name: path.read_bytes() for path in (root / "etc/ssh").glob("ssh_host*")}
    with opened(tmp_path / "fs") as root:
        said = list(personalise(WANTED, root, NICS))
        keys = {path.name: path.read_bytes() for path in (root / "etc/ssh").glob("ssh_host*")}
        assert keys.keys() == golden.keys() - set(names)
        assert not set(keys.values()) & set(golden.values())
        status = (root / "etc/ssh/ssh_host_rsa_key").stat()
        assert (status.st_gid, status.st_mode & 0o777) == (998, 0o640)
        for kind in ("ed25519", "rsa", "ecdsa"):
            private = root / f"etc/ssh/ssh_host_{kind}_key"
            fingerprint = run("ssh-keygen", "-l", "-f", private).split()[1]
            assert f"new SSH host key, {kind}: {fingerprint}" in said
            copy = tmp_path / kind  # ssh-keygen refuses keys that a group may read
            copy.write_bytes(private.read_bytes())
            copy.chmod(0o600)
            public = private.with_name(f"{private.name}.pub").read_text()
            assert run("ssh-keygen", "-y", "-f", copy).split()[:2] == public.split()[:2]
            assert public.endswith(" root@pc17\n")
    assert any("/srv/key is the image's" in line for line in said)


def test_a_server_without_keys_gets_some_and_a_profile_may_keep_them(tmp_path: Path) -> None:
    """Debian's makes none at its start; where there is no server, there are no keys."""
    with made(tmp_path / "fs") as root:
        write(root, {"etc/ssh/sshd_config": "", "usr/sbin/sshd": "", "etc/hostname": "golden"})
    with opened(tmp_path / "fs") as root:
        list(personalise(Personalisation(1, "pc17", ssh_host_keys=SshHostKeys.KEEP), root, NICS))
        assert not list((root / "etc/ssh").glob("ssh_host*"))
        list(personalise(WANTED, root, NICS))
        found = {path.name: path.stat().st_mode & 0o777 for path in (root / "etc/ssh").glob("ssh_host*")}
        assert found == {
            f"ssh_host_{kind}_key{end}": mode
            for kind in ("ed25519", "rsa", "ecdsa")
            for end, mode in (("", 0o600), (".pub", 0o644))
        }
        made_once = (root / "etc/ssh/ssh_host_rsa_key").read_bytes()
        list(personalise(Personalisation(1, "pc17", ssh_host_keys=SshHostKeys.KEEP), root, NICS))
        assert (root / "etc/ssh/ssh_host_rsa_key").read_bytes() == made_once
        (root / "usr/sbin/sshd").unlink()
        for path in (root / "etc/ssh").glob("ssh_host*"):
            path.unlink()
        list(personalise(WANTED, root, NICS))
        assert not list((root / "etc/ssh").glob("ssh_host*"))


def test_the_card_of_the_golden_machine_becomes_this_ones(tmp_path: Path) -> None:
    """In every way to write it; a wireless card, and files that already fit, are left alone."""
    with made(tmp_path / "fs") as root:
        write(root, {**CARDS, "etc/NetworkManager/system-connections/wlan": WIFI})
        (root / "etc/netplan/50-cloud-init.yaml").chmod(0o600)
        (root / "etc/netplan/60-link.yaml").symlink_to("/etc/passwd")
    with opened(tmp_path / "fs") as root:
        said = list(personalise(WANTED, root, NICS))
        for name, text in CARDS.items():
            here = MAC.replace(":", "-") if name.endswith(".link") else MAC
            there = GOLDEN.replace(":", "-") if name.endswith(".link") else GOLDEN
            new = text.replace(there, here).replace(there.upper(), here.upper())
            assert (root / name).read_text() == new
            assert f"{name}: {GOLDEN} of the golden machine is {MAC} now" in said
        assert (root / "etc/NetworkManager/system-connections/wlan").read_text() == WIFI
        assert (root / "etc/netplan/50-cloud-init.yaml").stat().st_mode & 0o777 == 0o600
        assert not any("golden machine is" in line for line in personalise(WANTED, root, NICS))


def test_of_several_cards_none_is_guessed(tmp_path: Path) -> None:
    """Which of the golden machine's cards this machine's stands for is not known: told, and left."""
    two = UDEV + UDEV.replace("bb", "dd").replace("eth0", "eth1")
    with made(tmp_path / "fs") as root:
        write(root, {"etc/udev/rules.d/70-persistent-net.rules": two})
    with opened(tmp_path / "fs") as root:
        said = list(personalise(WANTED, root, NICS))
        assert (root / "etc/udev/rules.d/70-persistent-net.rules").read_text() == two
    assert any("70-persistent-net.rules: it is for other cards" in line for line in said)


@pytest.mark.parametrize("names", [["@"], ["@rootfs"], ["root"], ["@", "@rootfs"], ["deep/snapshot"]])
def test_roots_in_subvolumes_are_found(names: list[str], tmp_path: Path) -> None:
    """By the names of the distributions, or because it is the default; each gets the host's name."""
    blank(tmp_path / "fs", 130)
    run(*content.MAKERS["btrfs"], tmp_path / "fs")
    with content.loop(tmp_path / "fs") as device, content.mounted(device, "btrfs") as top:
        for name in names:
            (top / name).parent.mkdir(exist_ok=True)
            run("btrfs", "subvolume", "create", top / name)
            write(top / name, {"etc/hostname": "golden\n"})
        if names == ["deep/snapshot"]:
            run("btrfs", "subvolume", "set-default", top / names[0])
        (top / "root-of-no-system").mkdir()
    with opened(tmp_path / "fs", "btrfs") as top:
        found = roots_in(top, "btrfs")
        assert {str(root.relative_to(top)) for root in found} == set(names)
        assert {f"{name}/" for name in names} <= set(folders_of(top, "btrfs"))
        for root in found:
            list(personalise(WANTED, root, NICS))
    with opened(tmp_path / "fs", "btrfs") as top:
        assert {(top / name / "etc/hostname").read_text() for name in names} == {"pc17\n"}


def test_a_btrfs_without_a_root_is_told(tmp_path: Path) -> None:
    """Neither at its top nor where roots are kept."""
    blank(tmp_path / "fs", 130)
    run(*content.MAKERS["btrfs"], tmp_path / "fs")
    with opened(tmp_path / "fs", "btrfs") as top, pytest.raises(StepError, match="not a Linux root"):
        roots_in(top, "btrfs")


LUKS = b"LUKS\xba\xbe" + struct.pack(">H", 1)
SLOTS = (Slot(1, 4, "82"), Slot(2, 4, "7"), Slot(3, 4, "83"), Slot(4, 0, "83"))


@pytest.mark.parametrize(
    ("number", "holds"),
    [(1, "swap space"), (2, "an NTFS"), (3, "LUKS"), (4, "no file system"), (5, "there is no partition 5")],
)
def test_what_can_be_no_root_is_refused_before_the_first_write(
    number: int, holds: str, appliance: Appliance, tmp_path: Path
) -> None:
    """The manifest says what lies there, so no classroom finds out at the end."""
    golden, target = tmp_path / "golden", tmp_path / "target"
    starts = partition(golden, 20, "label: dos\nlabel-id: 0xc105e515", SLOTS)
    filesystems.swap(tmp_path / "swap", 4, UUID.format(1))
    (tmp_path / "files").mkdir()
    filesystems.ntfs(tmp_path / "ntfs", 4, starts[2], tmp_path / "files")
    (tmp_path / "luks").write_bytes(LUKS.ljust(4 * MIB, b"\x17"))
    for slot, name in enumerate(("swap", "ntfs", "luks"), 1):
        insert(golden, starts[slot], tmp_path / name)
    appliance.call("capture", golden, "sda_Golden")
    target.write_bytes(b"\xa5" * 24 * MIB)
    with machine(appliance, "sda_Golden", target) as (pc, image):
        work = Install(image, DiskRule(), personalisation=Personalisation(number, "pc17"))
        with pytest.raises(PlanError, match=holds):
            pc.run(Job(1, "test", work))
    assert target.read_bytes() == b"\xa5" * 24 * MIB


def test_a_root_that_the_job_does_not_write_is_looked_at_too(appliance: Appliance, tmp_path: Path) -> None:
    """On the disk, before the first write: what lies there stays."""
    golden = tmp_path / "golden"
    starts = partition(golden, 20, "label: dos\nlabel-id: 0xc105e515", SLOTS)
    filesystems.swap(tmp_path / "swap", 4, UUID.format(1))
    insert(golden, starts[1], tmp_path / "swap")
    appliance.call("capture", golden, "sda1_Swap", "--partition", "1")
    (tmp_path / "luks").write_bytes(LUKS.ljust(4 * MIB, b"\x17"))
    insert(golden, starts[3], tmp_path / "luks")
    before = golden.read_bytes()
    with machine(appliance, "sda1_Swap", golden) as (pc, image):
        work = RestorePartitions((PartitionImage(1, image),), personalisation=Personalisation(3, "pc17"))
        with pytest.raises(PlanError, match="LUKS"):
            pc.run(Job(1, "test", work))
    assert golden.read_bytes() == before
