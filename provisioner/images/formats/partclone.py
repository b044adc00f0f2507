"""partclone's own images, as FOG and Clonezilla keep them: restored, and checked, by partclone itself.

What it lets pass is looked at here: bytes behind an image's end, an image that is larger than its partition,
and the copy of NTFS's boot sector in the partition's last sector, which partclone does not keep.
"""

from __future__ import annotations

import io
import struct
import subprocess
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from initramfs.imaging.tool_words import reason
from provisioner.images.formats.partclone_header import MAGIC, PartcloneHeader, read_header
from provisioner.images.formats.pieces import COPY_AGAIN
from provisioner.images.formats.streams import Content
from provisioner.stores.errors import StoreError
from provisioner.stores.files import failing

__all__ = ["MAGIC", "Restored", "restore"]

TOOL = "partclone.restore"
RAW = "raw"
SECTORS = (512, 1024, 2048, 4096)
"""What NTFS's sectors may be."""


@dataclass(frozen=True, slots=True)
class Restored:
    """What became of an image: the bytes that its file system takes, and notes for people."""

    filesystem: int
    notes: tuple[str, ...] = ()


def restore(content: Content, target: Path, room: int | None = None) -> Restored:
    """Write an image to a file that is made, or to a block device; ``room`` is the partition's size.

    Raises StoreError: partclone is missing, or found the image damaged; it does not fit.
    """
    header = read_header(content.head)
    if header is not None and room is not None:
        _check_room(header, content.name, room)
    _run(content, target, header)
    end = _mend_ntfs(target, room)
    size = header.size if header is not None else 0
    notes: tuple[str, ...] = ()
    if header is not None and content.packer is None and not header.checksum:
        notes = (f"{content.name} has no checksums: a change since it was made cannot be seen",)
    return Restored(max(size, end), notes)


def _check_room(header: PartcloneHeader, name: str, room: int) -> None:
    if header.filesystem == RAW and header.device != room:
        raise StoreError(
            f"{name} is of a partition of {header.device} bytes, this one has {room}",
            "is it another partition's?",
        )
    if header.size > room:
        raise StoreError(
            f"{name} holds a file system of {header.size} bytes, its partition has {room}",
            "is it another partition's?",
        )


def _run(content: Content, target: Path, header: PartcloneHeader | None) -> None:
    out = ("-O", target) if target.is_block_device() else ("-W", "-o", target)
    counted = _Counted(content, header)
    with tempfile.NamedTemporaryFile(prefix="partclone-") as log, tempfile.TemporaryFile("w+") as said:
        # Without fresh numbers on a screen, of which each would cost two seconds at the end.
        command = (TOOL, "--quiet", "--no_check", "--UI-fresh", "0", "-s", "-", *out, "-L", log.name)
        try:
            process = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=said, stderr=said)
        except FileNotFoundError as error:
            raise StoreError(f"{TOOL} is not installed", "apt install partclone") from error
        _feed(process, counted)
        wrong = counted.wrong()
        if process.returncode or wrong:
            said.seek(0)
            why = wrong or reason(TOOL, "", said.read()) or "it gives no reason"
            raise StoreError(f"partclone refuses {content.name}: {why}", COPY_AGAIN)


class _Counted:
    """The blocks of an image on their way, and whether they were what the header promises."""

    def __init__(self, content: Content, header: PartcloneHeader | None) -> None:
        self._content = content
        self._header = header if header is not None and header.exact else None
        self._used, self._ended = 0, False

    def __iter__(self) -> Iterator[bytes]:
        at = 0
        for block in self._content.blocks():
            if self._header is not None:
                self._used += _bits(block, at, self._header)
            at += len(block)
            yield block
        self._ended = True

    def wrong(self) -> str:
        """What is the matter with the length of everything that came; empty if it is right, or not known."""
        if self._header is None or not self._ended:
            return ""
        length = self._header.length(self._used)
        if self._content.size < length:
            return f"it ends early, at byte {self._content.size} of {length}"
        if self._content.size > length:
            return f"{self._content.size - length} bytes follow behind its end"
        return ""


def _bits(block: bytes, at: int, header: PartcloneHeader) -> int:
    """How many blocks the part of the bitmap in this block (at ``at`` of the image) marks as used."""
    start, end = max(header.bitmap.start - at, 0), min(header.bitmap.stop - at, len(block))
    if start >= end:
        return 0
    count = int.from_bytes(block[start:end], "little").bit_count()
    spare = -header.blocks % 8
    if spare and end == header.bitmap.stop - at:
        count -= (block[end - 1] >> (8 - spare)).bit_count()  # of the last byte, what stands for no block
    return count


def _feed(process: subprocess.Popen[bytes], blocks: _Counted) -> None:
    """Everything into its standard input; one that has ended early is asked for its reason later."""
    remaining = iter(blocks)
    try:
        with process.stdin or io.BytesIO() as pipe:  # it has one: it was asked for
            for block in remaining:
                pipe.write(block)
    except BrokenPipeError:
        if process.wait() == 0:
            for _ in remaining:
                pass  # it had enough: how much is too much?
    except BaseException:
        process.kill()
        raise
    finally:
        process.wait()


def _mend_ntfs(target: Path, room: int | None) -> int:
    """Write the copy of an NTFS's boot sector behind its last sector, and return where that ends.

    0 for everything else. Without it Windows' repair tools have nothing to repair from.
    """
    with failing("unpack", target), target.open("r+b") as file:
        boot = file.read(max(SECTORS))
        sector = struct.unpack_from("<H", boot, 11)[0] if len(boot) == max(SECTORS) else 0
        if boot[3:11] != b"NTFS    " or sector not in SECTORS:
            return 0
        copy = sector * struct.unpack_from("<Q", boot, 40)[0]
        if room is not None and copy + sector > room:
            return 0
        file.seek(copy)
        file.write(boot[:sector])
        return int(copy + sector)
