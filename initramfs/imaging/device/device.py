"""Disks and files as something to read and write at offsets, past the page cache where that works.

The only module of the engine that touches devices. Writes go with O_DIRECT,
so progress is honest, nothing is left dirty at the end, and reading back
asks the disk and not the memory. A block device is opened exclusively: the
kernel then refuses if it or one of its partitions is mounted or otherwise in use.
"""

from __future__ import annotations

import contextlib
import errno
import fcntl
import mmap
import os
import stat
import struct
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Protocol, Self

from initramfs.imaging.device.usage import users
from initramfs.imaging.errors import DeviceError
from initramfs.imaging.format.chunk import MIB

if TYPE_CHECKING:
    from typing_extensions import Buffer

# linux/fs.h
BLKRRPART = 0x125F
BLKFLSBUF = 0x1261
BLKSSZGET = 0x1268
BLKGETSIZE64 = 0x80081272
BLKDISCARD = 0x1277
BLKZEROOUT = 0x127F

ZERO_STEP = 64 * MIB
"""Bytes of one BLKZEROOUT, which cannot be interrupted."""
DISCARD_STEP = 16 << 30
"""Bytes of one BLKDISCARD, which cannot be interrupted either, and is quicker."""
PAGE = mmap.PAGESIZE


class Target(Protocol):
    """What a restore writes to. Called from several threads at once."""

    path: Path
    size: int
    sector_size: int

    def read_into(self, buffer: memoryview, offset: int) -> None:
        """Fill ``buffer`` (page-aligned memory, see :func:`allocate`) from ``offset``. Raises DeviceError."""
        ...

    def write(self, data: memoryview, offset: int) -> None:
        """Write all of ``data`` (page-aligned memory) at ``offset``. Raises DeviceError."""
        ...

    def zero(self, offset: int, length: int) -> None:
        """Make a range read as zeros. Raises DeviceError."""
        ...

    def discard(self, offset: int, length: int) -> bool:
        """Tell the device that a range holds nothing; False if it cannot be told. Proves no zeros."""
        ...

    def flush(self) -> None:
        """Make durable what was written so far; later reads ask the medium. Raises DeviceError."""
        ...


def allocate(size: int) -> memoryview:
    """Zeroed memory aligned to pages, as O_DIRECT wants it."""
    return memoryview(mmap.mmap(-1, max(size, 1)))[:size]


class Device:
    """A block device or a regular file, open.

    Attributes:
        path: its name.
        size: bytes.
        sector_size: logical; for files whatever the caller says.
        block: whether it is a block device.
        direct: whether the page cache is bypassed.
    """

    def __init__(self, path: Path, fd: int, sector_size: int, *, direct: bool) -> None:
        self.path, self.direct, self._fd = path, direct, fd
        self.block = stat.S_ISBLK(os.fstat(fd).st_mode)
        self.size = _ioctl_number(fd, BLKGETSIZE64, 8) if self.block else os.fstat(fd).st_size
        self.sector_size = _ioctl_number(fd, BLKSSZGET, 4) if self.block else sector_size

    @classmethod
    def open(
        cls, path: Path, *, writable: bool = False, shared: bool = False, sector_size: int = 512
    ) -> Device:
        """Open a device or file. ``shared`` does so although it is in use.

        Files are read through the page cache, which is right for them; everything else goes
        around it where the system can. ``sector_size`` counts for files only.

        Raises DeviceError: it is not there, not ours, in use, neither device nor file.
        """
        mode = _mode(path)
        busy = [] if shared else users(path)
        if busy:
            raise DeviceError(f"{path} is in use: {', '.join(busy)}", "unmount it, or choose another")
        flags = os.O_CLOEXEC | (os.O_RDWR if writable else os.O_RDONLY)
        if stat.S_ISBLK(mode) and not shared:
            flags |= os.O_EXCL
        direct = writable or stat.S_ISBLK(mode)
        with _failing(path, "open"):
            fd = _open_direct(path, flags) if direct else None
            return cls(path, os.open(path, flags) if fd is None else fd, sector_size, direct=fd is not None)

    @classmethod
    def create(cls, path: Path, size: int, *, sector_size: int = 512) -> Device:
        """Open a regular file for writing, made or grown (sparsely) to at least ``size`` bytes."""
        with _failing(path, "create"):
            fd = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
            try:
                if os.fstat(fd).st_size < size:
                    os.ftruncate(fd, size)
            finally:
                os.close(fd)
        return cls.open(path, writable=True, sector_size=sector_size)

    def read(self, offset: int, length: int) -> bytes:
        """``length`` bytes from any offset, for tables and the like; fewer at the end of the device.

        Raises DeviceError.
        """
        end = min(offset + length, self.size)
        if offset >= end:
            return b""
        first, last = offset // PAGE * PAGE, min(-(-end // PAGE) * PAGE, self.size)
        buffer = allocate(last - first)
        self.read_into(buffer, first)
        return bytes(buffer[offset - first : end - first])

    def read_into(self, buffer: memoryview, offset: int) -> None:
        done = 0
        while done < len(buffer):
            with _failing(self.path, f"read {len(buffer)} bytes at {offset}"):
                count = os.preadv(self._fd, [buffer[done:]], offset + done)
            if not count:
                raise DeviceError(
                    f"{self.path} ends at byte {offset + done}", "did it shrink, or was it pulled?"
                )
            done += count

    def write(self, data: memoryview, offset: int) -> None:
        if offset + len(data) > self.size:
            raise DeviceError(f"{self.path}: nothing may be written behind byte {self.size}")
        done = 0
        while done < len(data):
            with _failing(self.path, f"write {len(data)} bytes at {offset}"):
                count = os.pwrite(self._fd, data[done:], offset + done)
            if not count:
                raise DeviceError(f"{self.path} takes no more at byte {offset + done}")
            done += count

    def zero(self, offset: int, length: int) -> None:
        """Devices zero a range themselves where they can; holes in files are zeros already."""
        for start in range(offset, offset + length, ZERO_STEP):
            end = min(start + ZERO_STEP, offset + length)
            if not self.block:
                for first, last in self._not_holes(start, end):
                    self._write_zeros(first, last)
            elif not self._zero_out(start, end - start):
                self._write_zeros(start, end)

    def discard(self, offset: int, length: int) -> bool:
        """Devices only. Files keep what they have: their owner can punch holes into them."""
        if not self.block:
            return False
        for start in range(offset, offset + length, DISCARD_STEP):
            step = min(DISCARD_STEP, offset + length - start)
            try:
                fcntl.ioctl(self._fd, BLKDISCARD, struct.pack("QQ", start, step))
            except OSError:
                return False
        return True

    def flush(self) -> None:
        with _failing(self.path, "flush"):
            os.fsync(self._fd)
            if not self.direct:
                os.posix_fadvise(self._fd, 0, 0, os.POSIX_FADV_DONTNEED)

    def reread_label(self) -> None:
        """Make the kernel read a disk's partition table again; does nothing to a file."""
        if self.block:
            with contextlib.suppress(OSError):  # a device without partitions has nothing to read
                fcntl.ioctl(self._fd, BLKRRPART)

    def forget(self) -> None:
        """Drop a block device's page cache: it may be older than what was written to its partitions."""
        if self.block:
            with contextlib.suppress(OSError):  # needs CAP_SYS_ADMIN, which root has who captures disks
                fcntl.ioctl(self._fd, BLKFLSBUF)

    def close(self) -> None:
        """Close it. May be repeated."""
        if self._fd >= 0:
            os.close(self._fd)
            self._fd = -1

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def _zero_out(self, offset: int, length: int) -> bool:
        try:
            fcntl.ioctl(self._fd, BLKZEROOUT, struct.pack("QQ", offset, length))
        except OSError as error:
            if error.errno in (errno.EOPNOTSUPP, errno.ENOTTY, errno.EINVAL):
                return False
            raise _device_error(self.path, f"zero {length} bytes at {offset}", error) from error
        return True

    def _not_holes(self, offset: int, end: int) -> Iterator[tuple[int, int]]:
        while offset < end:
            try:
                first = os.lseek(self._fd, offset, os.SEEK_DATA)
            except OSError as error:
                if error.errno == errno.ENXIO:
                    return
                raise _device_error(self.path, "seek", error) from error
            if first >= end:
                return
            last = min(os.lseek(self._fd, first, os.SEEK_HOLE), end)
            yield first, last
            offset = last

    def _write_zeros(self, offset: int, end: int) -> None:
        nothing = allocate(min(MIB, end - offset))
        for start in range(offset, end, MIB):
            self.write(nothing[: end - start], start)


def _mode(path: Path) -> int:
    with _failing(path, "open"):
        mode = path.stat().st_mode
    if not (stat.S_ISBLK(mode) or stat.S_ISREG(mode)):
        raise DeviceError(f"{path} is neither a block device nor a file")
    return mode


def _open_direct(path: Path, flags: int) -> int | None:
    """With O_DIRECT, if the file system can do that for single sectors; else None."""
    try:
        fd = os.open(path, flags | os.O_DIRECT)
    except OSError as error:
        if error.errno == errno.EINVAL:
            return None
        raise
    if stat.S_ISREG(os.fstat(fd).st_mode):
        try:
            os.preadv(fd, [allocate(512)], 512)
        except OSError:
            os.close(fd)
            return None
    return fd


def _ioctl_number(fd: int, request: int, size: int) -> int:
    return int.from_bytes(fcntl.ioctl(fd, request, bytes(size)), "little")


@contextlib.contextmanager
def _failing(path: Path, what: str) -> Iterator[None]:
    try:
        yield
    except OSError as error:
        raise _device_error(path, what, error) from error


HINTS = {
    errno.EIO: "the disk is failing or was pulled: look at its cable and its SMART values",
    errno.ENXIO: "the disk is gone",
    errno.ENODEV: "the disk is gone",
    errno.ENOSPC: "make room where this file lies",
    errno.EBUSY: "it, or a partition on it, is mounted or part of a RAID or volume group",
    errno.EACCES: "run this as root",
    errno.EPERM: "run this as root",
}


def _device_error(path: Path, what: str, error: OSError) -> DeviceError:
    return DeviceError(f"cannot {what}: {path}: {error.strerror}", HINTS.get(error.errno or 0, ""))


def content_of(data: Buffer) -> memoryview:
    """A copy of ``data`` in page-aligned memory, ready to be written."""
    view = memoryview(data)
    buffer = allocate(len(view))
    buffer[:] = view
    return buffer
