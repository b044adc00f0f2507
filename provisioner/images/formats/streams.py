"""Files as they come: split in pieces, compressed one way or another, read as one stream of what is inside.

What a file is, its first bytes say, never its name.
"""

from __future__ import annotations

import bz2
import gzip
import io
import lzma
import os
import zlib
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import IO, Any

import zstandard

from provisioner.stores.errors import StoreError
from provisioner.stores.files import failing

COPY = 1 << 20
HEAD = 16
"""Bytes to look at."""


class _Frames(io.RawIOBase):
    """All zstd frames of a file, one after the other (pzstd writes many); cut off is an error, not an end."""

    def __init__(self, file: IO[bytes]) -> None:
        super().__init__()
        self._file, self._left, self._input = file, b"", b""
        self._frame: Any = None

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: Any) -> int:
        """See io.RawIOBase. Raises EOFError in the middle of a frame."""
        while not self._left and self._more():
            pass
        count = min(len(buffer), len(self._left))
        buffer[:count], self._left = self._left[:count], self._left[count:]
        return count

    def _more(self) -> bool:
        if not self._input:
            self._input = self._file.read(COPY)
            if not self._input:
                if self._frame is not None:
                    raise EOFError("it ends in the middle of a zstd frame")
                return False
        if self._frame is None:
            self._frame = zstandard.ZstdDecompressor().decompressobj()
        self._left = self._frame.decompress(self._input)
        self._input = b""
        if self._frame.eof:
            self._input, self._frame = self._frame.unused_data, None
        return True


PACKED: dict[bytes, Callable[[Any], Any]] = {
    b"\x1f\x8b": lambda file: gzip.GzipFile(fileobj=file),
    b"\x28\xb5\x2f\xfd": _Frames,
    b"BZh": bz2.BZ2File,
    b"\xfd7zXZ\0": lzma.LZMAFile,
}
"""What compressed files begin with."""
DAMAGE = (EOFError, gzip.BadGzipFile, zlib.error, lzma.LZMAError, zstandard.ZstdError)


class _DamagedError(Exception):
    """What was read is damaged. Leaves this module as a StoreError that names the file."""


class _Pieces(io.RawIOBase):
    """Several files as one."""

    def __init__(self, files: Sequence[IO[bytes]]) -> None:
        super().__init__()
        self._files = list(files)

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: Any) -> int:
        while self._files:
            data = self._files[0].read(len(buffer))
            if data:
                buffer[: len(data)] = data
                return len(data)
            self._files.pop(0)
        return 0


@contextmanager
def unpacked(pieces: Sequence[Path]) -> Iterator[IO[bytes]]:
    """The content of a file, or of one that was split, decompressed. Raises StoreError if it is damaged."""
    name = pieces[0]
    with ExitStack() as stack:
        with failing("read", name):
            files = [stack.enter_context(piece.open("rb")) for piece in pieces]
        try:
            yield _decompressed(_buffered(_Pieces(files)))
        except _DamagedError as error:
            raise StoreError(
                f"{name} is damaged: {error}", "copy it again from where it came from"
            ) from error


def _decompressed(whole: IO[bytes]) -> IO[bytes]:
    head = head_of(whole)
    for magic, opened in PACKED.items():
        if head.startswith(magic):
            return _buffered(opened(whole))
    return whole


def _buffered(raw: Any) -> IO[bytes]:
    return io.BufferedReader(raw, COPY)


def head_of(stream: Any) -> bytes:
    """The first bytes, which stay to be read."""
    with _damage():
        return bytes(stream.peek(HEAD)[:HEAD])


def blocks(stream: IO[bytes]) -> Iterator[bytes]:
    """All of it, in blocks."""
    while True:
        with _damage():
            block = stream.read(COPY)
        if not block:
            return
        yield block


@contextmanager
def _damage() -> Iterator[None]:
    try:
        yield
    except DAMAGE as error:
        raise _DamagedError(str(error)) from error
    except OSError as error:
        if error.errno is None:  # this is how bz2 says it
            raise _DamagedError(str(error)) from error
        raise


def write_sparse(stream: IO[bytes], target: Path) -> None:
    """Write a stream to a file or block device that is empty, leaving zeros out. Raises StoreError."""
    with failing("unpack", target), target.open("r+b" if target.exists() else "xb") as raw:
        for block in blocks(stream):
            if block.strip(b"\0"):
                raw.write(block)
            else:
                raw.seek(len(block), os.SEEK_CUR)
        if target.is_file():
            raw.truncate()
