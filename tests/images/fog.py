"""Image folders laid out as FOG does (FOS, funcs.sh), made with the tools it uses itself."""

from __future__ import annotations

import gzip
import re
from collections.abc import Callable, Mapping
from pathlib import Path

import zstandard

from tests.images.clonezilla import save_partition
from tests.lab.command import run

PIECE = 200_000
PACK: dict[str, Callable[[bytes], bytes]] = {
    "gzip": gzip.compress,
    "zstd": zstandard.compress,
    "plain": bytes,
}


def save_disk(disk: Path, folder: Path, kinds: Mapping[int, str], packer: str = "zstd") -> Path:
    """What FOG makes of a disk of one host; ``kinds`` says what is in which partition."""
    folder.mkdir()
    table = run("sfdisk", "--dump", disk)
    (folder / "d1.partitions").write_text(table.replace(f"{disk}", "/dev/sda"))
    content, gpt = disk.read_bytes(), "label: gpt" in table
    before = content[: 2048 * 512]
    # sgdisk keeps the protective MBR, the header, its backup, and the entries.
    sectors = (content[:1024], content[-512:], content[1024 : 34 * 512])
    (folder / "d1.mbr").write_bytes(b"".join(sectors) if gpt else before)
    if gpt:
        (folder / "d1.grub.mbr").write_bytes(before)
    (folder / "d1.original.swapuuids").touch()
    (folder / "d1.fixed_size_partitions").write_text("1\n")
    for number, kind in kinds.items():
        part = folder.with_name(f"fog{number}")
        start, size = place(table, number)
        part.write_bytes(content[start : start + size])
        save(part, folder, number, kind, packer=packer)
    for number in () if gpt else containers(table):
        start, _ = place(table, number)
        (folder / f"d1p{number}.ebr").write_bytes(content[start : start + 512])
    return folder


def save(part: Path, folder: Path, number: int, kind: str, *, packer: str, pieces: bool = True) -> None:
    """One partition; pieces are numbered, from 000 on."""
    if kind == "swap":
        uuid = run("blkid", "-o", "value", "-s", "UUID", part).strip()
        with (folder / "d1.original.swapuuids").open("a") as file:
            file.write(f"{number} {uuid}\n")
        return
    image = folder.with_name(f"image{number}")
    save_partition(part, image, kind, *(() if kind == "imager" else ("-a0",)))
    data = PACK[packer](image.read_bytes())
    for old in folder.glob(f"d1p{number}.img*"):
        old.unlink()
    if not pieces:
        (folder / f"d1p{number}.img").write_bytes(data)
        return
    for count, at in enumerate(range(0, len(data), PIECE)):
        (folder / f"d1p{number}.img.{count:03}").write_bytes(data[at : at + PIECE])


def place(table: str, number: int) -> tuple[int, int]:
    """Offset and size in bytes."""
    found = re.search(rf"^\S*?{number} : start=\s*(\d+), size=\s*(\d+)", table, re.MULTILINE)
    assert found
    return int(found[1]) * 512, int(found[2]) * 512


def containers(table: str) -> list[int]:
    """The extended partitions."""
    return [int(number) for number in re.findall(r"(\d+) : start=.*type=5$", table, re.MULTILINE)]
