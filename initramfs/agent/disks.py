"""Which disk a job may write: exactly one, or none at all.

Pure. This is the rule that protects all other disks, so it has no
fallback: no match and several matches are both errors that list what is there.
"""

from __future__ import annotations

from collections.abc import Sequence
from fnmatch import fnmatchcase

from initramfs.agent.errors import PlanError
from initramfs.messages import Disk, DiskRule

GIB = 1 << 30


def choose_disk(rule: DiskRule, disks: Sequence[Disk]) -> Disk:
    """The one disk that ``rule`` matches. Raises PlanError naming every disk unless exactly one does."""
    matching = [disk for disk in disks if matches(rule, disk)]
    if len(matching) == 1:
        return matching[0]
    found = "; ".join(describe(disk) for disk in disks) or "no disk at all"
    wanted = describe_rule(rule)
    if not matching:
        raise PlanError(
            f"no disk matches the profile's rule ({wanted}); there is: {found}",
            "correct [disk] in the profile, or check cables and the controller's mode in the firmware",
        )
    raise PlanError(
        f"{len(matching)} disks match the profile's rule ({wanted}): {found}",
        "make [disk] in the profile say which one: serial, wwn, path, transport, min_size or max_size",
    )


def matches(rule: DiskRule, disk: Disk) -> bool:
    """Whether all conditions of ``rule`` hold. Removable and read-only disks are never a target."""
    return (
        not disk.removable
        and not disk.read_only
        and (rule.name is None or fnmatchcase(disk.name, rule.name))
        and (rule.path is None or fnmatchcase(disk.path, rule.path))
        and rule.serial in (None, disk.serial)
        and rule.wwn in (None, disk.wwn)
        and rule.transport in (None, disk.transport)
        and (rule.min_size is None or disk.size >= rule.min_size)
        and (rule.max_size is None or disk.size <= rule.max_size)
    )


def describe(disk: Disk) -> str:
    """One disk by what is printed on it and where it is plugged in."""
    identity = f" serial {disk.serial}" if disk.serial else ""
    kind = " removable" if disk.removable else " read-only" if disk.read_only else ""
    return f"{disk.name} ({disk.size / GIB:.1f} GiB {disk.transport or 'unknown bus'}{identity}{kind})"


def describe_rule(rule: DiskRule) -> str:
    """The conditions that are set; an empty rule asks for the machine's only disk."""
    conditions = {name: getattr(rule, name) for name in DiskRule.__dataclass_fields__}
    return ", ".join(f"{k}={v}" for k, v in conditions.items() if v is not None) or "the only disk"
