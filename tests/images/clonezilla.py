"""Image folders laid out as Clonezilla does, made with the tools it uses itself."""

from __future__ import annotations

import gzip
from pathlib import Path

from tests.lab.command import run

PIECE = 300_000
PARTCLONE = {"vfat": "fat", "ext4": "extfs", "dd": "dd", "ntfs": "ntfs", "imager": "imager"}


def save_partition(part: Path, image: Path, kind: str = "ext4", *options: str) -> None:
    """A partition in a file as partclone saves it."""
    clone = () if kind == "dd" else ("-c", *options)
    log = image.with_suffix(".log")
    run(f"partclone.{PARTCLONE[kind]}", *clone, "-q", "--UI-fresh", "0", "-s", part, "-O", image, "-L", log)
    log.unlink(missing_ok=True)


def split(data: bytes, base: Path, piece: int = PIECE) -> None:
    """In pieces called .aa, .ab and so on."""
    for number, at in enumerate(range(0, len(data), piece)):
        name = f"{base.name}.{chr(97 + number // 26)}{chr(97 + number % 26)}"
        base.with_name(name).write_bytes(data[at : at + piece])


def save_disk(disk: Path, folder: Path, kinds: dict[int, str]) -> Path:
    """What ``savedisk`` makes of a disk called sda; ``kinds`` says what is in which partition."""
    folder.mkdir()
    table = run("sfdisk", "--dump", disk).replace(f"{disk}", "/dev/sda")
    (folder / "sda-pt.sf").write_text(table)
    sectors = disk.stat().st_size // 512
    (folder / "sda-pt.parted").write_text(
        f"Model: ATA QEMU (scsi)\nDisk /dev/sda: {sectors}s\nSector size (logical/physical): 512B/512B\n"
    )
    (folder / "disk").write_text("sda\n")
    listed = (f"sda{number}" for number, kind in kinds.items() if kind != "swap")
    (folder / "parts").write_text(" ".join(listed) + "\n")
    content = disk.read_bytes()
    (folder / "sda-mbr").write_bytes(content[:512])
    (folder / "sda-hidden-data-after-mbr").write_bytes(content[512 : 2048 * 512])
    for number, kind in kinds.items():
        _save(folder, content, table, number, kind)
    return folder


def _save(folder: Path, content: bytes, table: str, number: int, kind: str) -> None:
    line = next(line for line in table.splitlines() if line.startswith(f"/dev/sda{number} "))
    words = dict(w.split("=", 1) for w in line.partition(" : ")[2].replace(" ", "").split(",") if "=" in w)
    start, size = int(words["start"]) * 512, int(words["size"]) * 512
    part = folder.with_name(f"part{number}")
    part.write_bytes(content[start : start + size])
    if kind == "swap":
        uuid = run("blkid", "-o", "value", "-s", "UUID", part).strip()
        (folder / f"swappt-sda{number}.info").write_text(f'UUID="{uuid}"\nLABEL=""\n')
        return
    save_partition(part, folder.with_name("image"), kind)
    data = gzip.compress(folder.with_name("image").read_bytes())
    split(data, folder / f"sda{number}.{kind}-ptcl-img.gz")
