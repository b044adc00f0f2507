"""Whether a profile and the images that it names go together, as far as both tell. Pure.

Asked when a profile is kept and when it is given to a host: what can be known then, no machine should have
to find out. What depends on the machine's disk, its agent judges before the first write.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import suppress

from initramfs.imaging.errors import LayoutError
from initramfs.imaging.format.header import ANY, Kind
from initramfs.imaging.format.index import SECTOR, State
from initramfs.imaging.format.manifest import Manifest
from initramfs.imaging.label.model import Bare, Label, Partition, PartitionNumber
from initramfs.imaging.restore.compose import compose
from initramfs.imaging.restore.growing import Growing, growing, why_kept
from initramfs.imaging.restore.room import MICROSOFT_RESERVED
from initramfs.messages import Firmware, GrowFailure
from initramfs.messages.roots import why_no_root
from provisioner.base.errors import Problem
from provisioner.profiles.model import Profile

DISK = "images.disk"
MAX_SIZE = 1 << 63
"""Of a disk that is not known yet: no partition is too small to be grown."""

Manifests = Mapping[str, Manifest]
"""The images of a profile that are in the store, by the dotted path of the field that names them."""


def contradictions(profile: Profile, images: Manifests, firmware: Firmware | None = None) -> list[Problem]:
    """Everything that no machine could do. ``firmware`` is a host's, where one is meant and it is known."""
    found = [*_kinds(images), *_firmware(profile, images, firmware)]
    label = _label(images)
    if label is not None:
        found += [*_numbers(profile, label, images[DISK].title)]
    found += _root(profile, images)
    if profile.fit.grow_failure is GrowFailure.FAIL:
        found += _growth(profile, images)
    return found or list(_sizes(profile, images))


def remarks(profile: Profile, images: Manifests) -> list[Problem]:
    """What may be meant, and often is not: parts of the disk that stay empty, or as they are."""
    label = _label(images)
    growth = list(_growth(profile, images)) if profile.fit.grow_failure is GrowFailure.KEEP else []
    if label is None:
        return growth
    disk = images[DISK]
    return growth + [
        Problem(
            DISK,
            f"partition {area.number} of {disk.title} is empty, and the profile puts nothing there",
            f'add {area.number} = "…" to [images.partitions], unless that is meant',
        )
        for area in label.areas
        if area.number not in profile.images.partitions and _is_empty(disk, area)
    ]


def _label(images: Manifests) -> Label | None:
    return images[DISK].header.label if DISK in images else None


def _kinds(images: Manifests) -> Iterator[Problem]:
    for where, image in images.items():
        wanted = Kind.DISK if where == DISK else Kind.PARTITION
        if image.header.kind is not wanted:
            what = f"{image.title} is the image of a {image.header.kind}"
            yield Problem(where, what, f"name one of a {wanted}; 'clonesys image list' shows their kinds")


def _firmware(profile: Profile, images: Manifests, seen: Firmware | None) -> Iterator[Problem]:
    if DISK not in images or (able := images[DISK].header.firmware) == ANY:
        return
    title = images[DISK].title
    if profile.firmware and profile.firmware != able:
        what = f"the profile is for {profile.firmware} machines, {title} starts with {able} only"
        yield Problem("firmware", what, "name an image that was made for it")
    elif seen and seen != able:
        what = f"{title} starts with {able} firmware, this host last started with {seen}"
        yield Problem(DISK, what, "take another image, or switch the machine's firmware")


def _numbers(profile: Profile, label: Label, title: str) -> Iterator[Problem]:
    there = [area.number for area in label.areas]
    named = {f"images.partitions.{number}": number for number in profile.images.partitions}
    if isinstance(profile.fit.grow, int):
        named["fit.grow"] = profile.fit.grow
    if profile.personalise:
        named["personalise.root"] = profile.personalise.root
    for where, number in named.items():
        if number not in there:
            have = ", ".join(map(str, there)) or "none"
            yield Problem(where, f"{title} has no partition {number}", f"its partitions: {have}")


def _root(profile: Profile, images: Manifests) -> Iterator[Problem]:
    """What will lie in the root's partition, if it is known."""
    if profile.personalise is None:
        return
    number = profile.personalise.root
    laid, disk = images.get(f"images.partitions.{number}"), images.get(DISK)
    if laid is not None:
        kinds = [inside.type for inside in laid.header.filesystems if inside.partition is Bare.BARE]
    elif number in profile.images.partitions or disk is None:
        return  # an image that is not there yet; or what the host's disk holds
    elif disk.header.label is None or disk.header.label.area(number) is None:
        return  # said already
    else:
        kinds = [inside.type for inside in disk.header.filesystems if inside.partition == number]
    image = laid or disk
    if image is not None and (why := why_no_root(kinds[0] if kinds else "")):
        what = f"partition {number} cannot be personalised: by {image.title} it holds {why}"
        yield Problem("personalise.root", what, "correct it, or leave [personalise] out")


def _growth(profile: Profile, images: Manifests) -> Iterator[Problem]:
    """Why nothing grows although it should, as far as the images tell."""
    with suppress(LayoutError):  # there is no such partition: said already, or for the machine to see
        chosen = _grown(profile, images)
        why = why_kept(*chosen, MAX_SIZE, Growing(profile.fit.grow)) if chosen is not None else ""
        if why:
            yield Problem("fit.grow", why, "name another partition, or leave it out")


def _grown(profile: Profile, images: Manifests) -> tuple[Manifest, PartitionNumber] | None:
    """The image and the partition that are to grow; None where what lies there is not known yet."""
    laid, grow = _laid(profile, images), profile.fit.grow
    if len(laid) < len(profile.images.partitions):
        return None
    if DISK in images:
        return growing(images[DISK], laid, None, grow)
    return (laid[grow], grow) if isinstance(grow, int) and grow in laid else None


def _laid(profile: Profile, images: Manifests) -> dict[PartitionNumber, Manifest]:
    named = {number: f"images.partitions.{number}" for number in profile.images.partitions}
    return {number: images[where] for number, where in named.items() if where in images}


def _sizes(profile: Profile, images: Manifests) -> Iterator[Problem]:
    """The agent's own judge, on a disk as large as the image's: partitions that do not grow are known."""
    if DISK not in images or profile.fit.grow is not None:
        return
    disk = images[DISK]
    laid = _laid(profile, images)
    try:
        compose(target_size=disk.header.size, sector_size=disk.header.sector_size, disk=disk, partitions=laid)
    except LayoutError as error:
        yield Problem("images", error.message, error.hint)


def _is_empty(disk: Manifest, area: Partition) -> bool:
    """Whether an image holds nothing of a partition, and not even says of which kind it is."""
    known = any(inside.partition == area.number for inside in disk.header.filesystems)
    if known or area.type.lower() == MICROSOFT_RESERVED:
        return False
    first, end = area.start // SECTOR, area.end // SECTOR
    return not any(
        state == State.DATA and first <= start < end for start, _, state, _ in disk.index.records()
    )
