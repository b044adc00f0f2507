"""Virtual machines' disks: what qemu-img reads, converted by it.

Which of them a file is, we say, and qemu-img is held to it: a guest could write another kind's head into its
own disk, and name any file of this machine there.
"""

from __future__ import annotations

import json
import os
import re
import shutil
import struct
import subprocess
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any, BinaryIO

from initramfs.imaging.errors import ToolError
from initramfs.imaging.label.model import Reader
from initramfs.imaging.run import run
from initramfs.imaging.tool_words import reason
from provisioner.images.formats.pieces import COPY_AGAIN
from provisioner.images.formats.qcow import least_qcow, least_qcow2
from provisioner.images.formats.streams import Content, write_sparse
from provisioner.stores.errors import StoreError
from provisioner.stores.files import failing

MAGICS = (
    (0, b"QFI\xfb\0\0\0\x01", "qcow"),
    (0, b"QFI\xfb", "qcow2"),
    (0, b"KDMV", "vmdk"),
    (64, b"\x7f\x10\xda\xbe", "vdi"),
    (0, b"vhdxfile", "vhdx"),
    (0, b"conectix", "vpc"),
    (0, b"QED\0", "qed"),
    (0, b"WithoutFreeSpace", "parallels"),
    (0, b"WithouFreSpacExt", "parallels"),
)
"""Place, magic, qemu-img's name."""
VHD_FOOTER = 512
"""Bytes behind a VHD of fixed size, which begins as the disk that it is."""
VHD_TYPE, VHD_DIFFERENCES = 60, 4
"""Where a footer, or its copy in front, tells the kind; the one that only holds what differs from another."""
EXTENT = re.compile(r'"length": (\d+),.*"data": true,.*"offset": (\d+)')
"""What 'qemu-img map' tells of content that lies in the file as it is."""
SOUND = (0, 3, 63)
"""Statuses of 'qemu-img check': in order; clusters that nothing uses; nothing can be checked in this kind."""


def kind_of(head: bytes) -> str:
    """qemu-img's name for what begins like this, or an empty text."""
    return next((name for at, magic, name in MAGICS if head.startswith(magic, at)), "")


def kind_by_end(path: Path) -> str:
    """The same for what only its last bytes tell. Raises StoreError for Apple's disk images."""
    with failing("read", path), path.open("rb") as file:
        end = file.seek(0, os.SEEK_END)
        file.seek(max(end - VHD_FOOTER, 0))
        tail = file.read(VHD_FOOTER)
    if tail.startswith(b"koly"):
        raise StoreError(f"{path.name} is a disk image of Apple's (dmg)", "convert it with 'hdiutil'")
    return "vpc" if tail.startswith(b"conectix") else ""


def restore(content: Content, kind: str, target: Path) -> None:
    """Write what an image of this ``kind`` holds to a new raw file.

    Raises StoreError if qemu-img is missing, refuses, or would read other files.
    """
    if content.plain is not None:
        convert(content.plain, kind, target)
        return
    image = target.with_suffix(f".{kind}")
    write_sparse(content, image)
    convert(image, kind, target)
    image.unlink()


def convert(image: Path, kind: str, target: Path) -> None:
    """The same for a file that is not packed."""
    image, target = image.absolute(), target.absolute()  # else "nbd:…" or "-x" were no name of a file
    if kind == "vmdk":
        _refuse_description(image)
    if kind == "vpc":
        _refuse_differences(image)
    told = json.loads(qemu_img("info", "-f", kind, "--output", "json", image))
    others = sorted(_other_files(told, image))
    if others:
        raise StoreError(
            f"{image.name} needs another file: {', '.join(others)}",
            "make one file of it with 'qemu-img convert'",
        )
    _refuse_cut(image, kind)
    qemu_img("convert", *_opened(image, kind), "-O", "raw", target)


def _opened(image: Path, kind: str) -> tuple[str | Path, ...]:
    """How qemu-img is to take a file.

    A VHD notes its size twice, and the one in cylinders may be smaller: qemu-img believes that one unless it
    knows the program that made the file (block/vpc.c, vpc_open).
    """
    if kind != "vpc":
        return ("-f", kind, image)
    name = str(image).replace(",", ",,")
    options = f"driver=vpc,force_size_calc=current_size,file.driver=file,file.filename={name}"
    return ("--image-opts", options)


def _refuse_cut(image: Path, kind: str) -> None:
    """Raises StoreError for a file that was cut off: qemu-img reads what lies behind its end as zeros."""
    with failing("read", image), image.open("rb") as file:
        size = file.seek(0, os.SEEK_END)
        least = _LEAST[kind](_reader(file)) if kind in _LEAST else 0
    end = max(least, _end_of_data(image, kind))
    if end > size:
        raise StoreError(f"{image.name} ends early, at byte {size} of at least {end}", COPY_AGAIN)
    try:
        # its own tables may lie behind the end, too: what they name is then no data to the map
        qemu_img("check", "-q", "-f", kind, image, accept=SOUND)
    except StoreError as error:
        raise StoreError(
            f"{image.name} is damaged, by 'qemu-img check': {error.message}",
            f"{COPY_AGAIN}, or repair it there",
        ) from error


def _end_of_data(image: Path, kind: str) -> int:
    """Where the last byte is that the file must hold. A line an extent: there may be millions of them."""
    command = ("qemu-img", "map", "--output", "json", *_opened(image, kind))
    with tempfile.TemporaryFile("w+") as said:
        with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=said, text=True) as process:
            found = (EXTENT.search(line) for line in process.stdout or ())
            end = max((int(match[1]) + int(match[2]) for match in found if match), default=0)
        if process.returncode:
            said.seek(0)
            raise StoreError(
                f"qemu-img refuses it: {_reason(reason('qemu-img', '', said.read()))}", COPY_AGAIN
            )
    return end


def _reader(file: BinaryIO) -> Reader:
    def read(offset: int, length: int) -> bytes:
        file.seek(offset)
        return file.read(length)

    return read


_LEAST = {"qcow": least_qcow, "qcow2": least_qcow2}


def _refuse_differences(image: Path) -> None:
    """qemu-img takes a differencing VHD for a whole one, and what lies in its parent for zeros."""
    with failing("read", image), image.open("rb") as file:
        head = file.read(VHD_FOOTER)
        file.seek(-VHD_FOOTER, os.SEEK_END)
        footers = (head, file.read(VHD_FOOTER))
    for footer in footers:
        kind = footer[VHD_TYPE : VHD_TYPE + 4]
        if footer.startswith(b"conectix") and int.from_bytes(kind, "big") == VHD_DIFFERENCES:
            raise StoreError(
                f"{image.name} needs another file: it only holds what differs from another disk",
                "merge it with its parent where it was made",
            )


def _refuse_description(image: Path) -> None:
    """A VMDK of capacity 0 is only a description in another dress, which names files (vmdk_open_vmdk4)."""
    with failing("read", image), image.open("rb") as file:
        head = file.read(20).ljust(20, b"\0")
    if not struct.unpack_from("<Q", head, 12)[0]:
        raise StoreError(f"{image.name} is a VMDK whose data lies in other files", "make one file of it")


def _other_files(told: dict[str, Any], image: Path) -> Iterator[str]:
    """What a file says it is made of beside itself: the ones below it, of data, of extents."""
    data = told.get("format-specific", {}).get("data", {})
    for name in (told.get("backing-filename"), data.get("data-file")):
        if name:
            yield str(name)
    for extent in data.get("extents", ()):
        if Path(extent.get("filename", image)) != image:
            yield str(extent["filename"])


def qemu_img(*words: str | Path, accept: tuple[int, ...] = (0,)) -> str:
    """Run qemu-img, which may end with one of these statuses. Raises StoreError."""
    if shutil.which("qemu-img") is None:
        raise StoreError(
            "qemu-img is not installed", "virtual machines' disks need it: apt install qemu-utils"
        )
    try:
        return run("qemu-img", *map(str, words), accept=accept).stdout
    except ToolError as error:
        raise StoreError(f"qemu-img refuses it: {_reason(error.message)}", error.hint) from error


def _reason(message: str) -> str:
    """Without the command and the file's name in front of what qemu-img says."""
    return message.rsplit(": ", 1)[-1] if ": " in message else message
