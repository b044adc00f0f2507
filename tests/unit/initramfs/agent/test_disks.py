"""The rule that protects people's disks: exactly one disk matches, or nothing is written."""

from dataclasses import replace

import pytest

from initramfs.agent.disks import choose_disk
from initramfs.agent.errors import PlanError
from initramfs.messages import Disk, DiskRule

GIB = 1 << 30
SSD = Disk(
    "nvme0n1", 256 * GIB, 512, 512, serial="S1", wwn="eui.1", path="pci-0000:01:00.0-nvme-1", transport="nvme"
)
HDD = Disk(
    "sda", 2000 * GIB, 512, 4096, serial="H1", wwn="naa.5", path="pci-0000:00:1f.2-ata-1", transport="sata"
)


@pytest.mark.parametrize(
    "rule",
    [
        DiskRule(serial="S1"),
        DiskRule(wwn="eui.1"),
        DiskRule(name="nvme*"),
        DiskRule(path="pci-0000:01:*"),
        DiskRule(transport="nvme"),
        DiskRule(max_size=1000 * GIB),
    ],
)
def test_each_condition_selects(rule: DiskRule) -> None:
    """Every kind of condition finds the one disk it describes."""
    assert choose_disk(rule, [HDD, SSD]) is SSD


def test_minimum_size_selects() -> None:
    """The large one, when asked for."""
    assert choose_disk(DiskRule(min_size=1000 * GIB), [HDD, SSD]) is HDD


def test_an_empty_rule_takes_the_only_disk() -> None:
    """A machine with one disk needs no rule."""
    assert choose_disk(DiskRule(), [SSD]) is SSD


def test_two_matches_are_an_error_that_names_both() -> None:
    """Never the first of several."""
    with pytest.raises(PlanError, match=r"2 disks match.*the only disk.*sda.*nvme0n1"):
        choose_disk(DiskRule(), [HDD, SSD])


def test_all_conditions_must_hold() -> None:
    """A serial of one disk and the transport of another is no disk at all."""
    with pytest.raises(PlanError, match=r"no disk matches.*serial=S1, transport=sata"):
        choose_disk(DiskRule(serial="S1", transport="sata"), [HDD, SSD])


@pytest.mark.parametrize("guarded", [replace(SSD, removable=True), replace(SSD, read_only=True)])
def test_removable_and_read_only_disks_are_never_a_target(guarded: Disk) -> None:
    """Not even when the rule names them: a stick left in a machine must survive."""
    with pytest.raises(PlanError, match=r"removable|read-only"):
        choose_disk(DiskRule(serial="S1"), [guarded])


def test_a_machine_without_disks_says_so() -> None:
    """The usual cause is a controller in the wrong mode."""
    with pytest.raises(PlanError, match="no disk at all") as caught:
        choose_disk(DiskRule(), [])
    assert "controller" in caught.value.hint
