"""``backup``: capture a disk or partitions of it, each as the next generation of an image."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from initramfs.imaging.format.header import Kind
from initramfs.imaging.format.names import HINT, why_other_kind
from initramfs.messages import Action, Backup, PartitionName
from provisioner.base.errors import Problem
from provisioner.profiles.actions.action import HostFacts, Images, ProfileAction, table
from provisioner.profiles.model import Profile


def rules(data: dict[str, Any]) -> Iterator[Problem]:
    """A name of its own for each image, and no generation."""
    images = table(data, "images")
    partitions = table(images, "partitions")
    if "track" in images:
        yield Problem("images.track", "a backup reads no images", "leave it out")
    if not images.get("disk") and not partitions:
        yield Problem("images", "backup needs a name for each image", 'like disk = "sda_Golden"')
    if table(data, "backup").get("empty") and not images.get("disk"):
        yield Problem("backup.empty", "only the image of a whole disk can have emptied partitions")
    if table(data, "backup").get("only_partitions") and not images.get("disk"):
        yield Problem("backup.only_partitions", "only a whole disk holds more than partitions")
    named = {"disk": images.get("disk"), **{f"partitions.{key}": name for key, name in partitions.items()}}
    for where, name in named.items():
        if not isinstance(name, str):
            continue
        if "@" in name:
            hint = "leave out the generation"
            yield Problem(f"images.{where}", "a backup makes the next generation itself", hint)
        kind = Kind.DISK if where == "disk" else Kind.PARTITION
        if why := why_other_kind(name, kind, part=kind is Kind.PARTITION):
            yield Problem(f"images.{where}", why, HINT)
    names = [name for name in named.values() if isinstance(name, str) and name]
    if len(set(names)) != len(names):
        yield Problem("images", "two images of a backup have the same name")


def work(profile: Profile, _host: HostFacts, _images: Images) -> Backup:
    """What the profile says of itself goes into the images."""
    return Backup(
        disk=profile.disk.rule(),
        disk_image=profile.images.disk,
        partitions=tuple(
            PartitionName(number, name) for number, name in sorted(profile.images.partitions.items())
        ),
        description=profile.description,
        empty=tuple(profile.backup.empty),
        without_swap=profile.backup.without_swap,
        only_partitions=profile.backup.only_partitions,
    )


ACTION = ProfileAction(Action.BACKUP.value, work, frozenset({"images", "backup"}), rules)
