"""The agent's own steps, planned from a job, on block devices: fitted, renamed, personalised, committed."""

from __future__ import annotations

import os
from contextlib import ExitStack
from dataclasses import replace
from pathlib import Path

import pytest

from initramfs.agent.errors import PlanError
from initramfs.imaging.device.device import Device
from initramfs.imaging.label import read_label
from initramfs.imaging.restore.identifiers import collect, duplicates
from initramfs.messages import (
    DiskIdentity,
    DiskRule,
    Duplicates,
    Fit,
    ImageRef,
    Install,
    Job,
    Last,
    Loader,
    Personalisation,
)
from tests.images import content, filesystems
from tests.images.disk import Slot, insert, partition
from tests.images.image_command import Appliance
from tests.images.in_memory import MIB
from tests.images.job_machine import Machine, serving
from tests.lab.command import run

pytestmark = [
    pytest.mark.root,
    pytest.mark.skipif(os.geteuid() != 0, reason="loop devices need root"),
]

ROOT = "c10e5500-0000-4000-8000-000000000005"
SWAP = "c10e5500-0000-4000-8000-000000000007"
SLOTS = (Slot(1, 8, "82"), Slot(2, 36, "5"), Slot(5, 32, "83"))


@pytest.fixture
def golden(tmp_path: Path) -> Path:
    """Swap first, then a logical Linux root as the last partition."""
    starts = partition(tmp_path / "golden", 48, "label: dos\nlabel-id: 0xc105e515", SLOTS)
    (tmp_path / "tree/etc").mkdir(parents=True)
    (tmp_path / "tree/etc/fstab").write_text(
        f"UUID={ROOT} / ext4\nUUID={SWAP} none swap\nPARTUUID=c105e515-01 x\n"
    )
    filesystems.swap(tmp_path / "swap", 8, SWAP)
    filesystems.ext4(tmp_path / "root", 32, ROOT, tmp_path / "tree")
    insert(tmp_path / "golden", starts[1], tmp_path / "swap")
    insert(tmp_path / "golden", starts[5], tmp_path / "root")
    return tmp_path / "golden"


def test_a_job_fits_renames_personalises_and_commits(
    golden: Path, appliance: Appliance, tmp_path: Path
) -> None:
    """With its twin in the same machine: refused, and nothing written; then randomised, and both may stay."""
    appliance.call("capture", golden, "sda_Golden")
    reference = appliance.store.resolve("sda_Golden")
    manifest = appliance.home / "store/manifests/sda_Golden/1"
    target = tmp_path / "target-disk"
    target.write_bytes(b"\xa5" * 96 * MIB)
    job = Job(
        1,
        "test",
        Install(
            ImageRef("sda_Golden", 1, reference.digest),
            DiskRule(serial="TARGET"),
            personalisation=Personalisation(5, "rifpc1"),
            fit=Fit(Last.LAST),
            loader=Loader.IGNORE,
        ),
    )
    with ExitStack() as stack:
        url = stack.enter_context(serving(appliance, reference.digest.hex(), manifest))
        one, two = (stack.enter_context(content.loop(path)) for path in (target, golden))
        machine = Machine(url, appliance, one, two)
        with pytest.raises(PlanError, match=f"{two.name} has the disk identifier c105e515"):
            machine.run(job)
        assert target.read_bytes() == b"\xa5" * 96 * MIB
        randomise = DiskIdentity(duplicates=Duplicates.RANDOMISE)
        assert isinstance(job.work, Install)
        machine.run(replace(job, work=replace(job.work, identity=randomise)))
    assert_right(target, golden)
    said = [report.detail for report in machine.said]
    assert any("the ext4 has grown from" in text for text in said)
    assert any("the ext4 is in order" in text for text in said)
    assert any("etc/fstab corrected" in text for text in said)


def assert_right(target: Path, golden: Path) -> None:
    """Grown to the disk's end, nothing in common with the golden one, references right, name given."""
    assert "No errors detected" in run("sfdisk", "--verify", target)
    with Device.open(target) as new, Device.open(golden) as old:
        label = read_label(new.read, new.size, 512)
        mine = collect(new)
        assert not duplicates(mine, {"golden": collect(old)})
    assert label is not None
    root = label.areas[-1]
    assert root.end == 96 * MIB
    with content.loop(target, root.start, root.size) as device:
        content.check(device, "ext4")
        assert content.capacity(device, "ext4") > root.size * 0.8
        with content.mounted(device, "ext4") as place:
            fstab = (place / "etc/fstab").read_text()
            assert (place / "etc/hostname").read_text() == "rifpc1\n"
    values = [line.split()[0].partition("=")[2] for line in fstab.splitlines()]
    assert len(values) == 3
    assert set(values) <= {one.value for one in mine}
