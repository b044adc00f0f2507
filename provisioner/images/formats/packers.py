"""Compressed streams, unpacked: the packers that Clonezilla, FOG and CloneSys use.

Everything here reads blocks of bytes and yields blocks of bytes. What a packer would let pass is damage
here: a stream that ends early, and anything but zeros behind the last member, where bzip2 and xz stop
without a word and half of an image is lost.
"""

from __future__ import annotations

import bz2
import io
import lzma
import re
import struct
import subprocess
import tempfile
import threading
import zlib
from collections.abc import Callable, Generator, Iterator
from dataclasses import dataclass
from typing import IO, Any

import zstandard

from initramfs.imaging.tool_words import reason
from provisioner.stores.errors import StoreError

Blocks = Iterator[bytes]
Unpacked = Generator[bytes, None, None]
Unpack = Callable[[Blocks], Unpacked]

STEP = 8 << 10
"""Bytes unpacked at once: of zeros, zstd makes 32768 times as many."""
WINDOW = 1 << 31
"""Bytes that a zstd frame may look back: ``--long=31``."""
COPY = 1 << 20


class DamagedError(Exception):
    """What was read is damaged. Becomes a StoreError that names the file."""


@dataclass(frozen=True, slots=True)
class Packer:
    """One way to compress: its name, what its files begin with, and its opposite."""

    name: str
    magic: re.Pattern[bytes]
    unpack: Unpack


def packer_of(head: bytes) -> Packer | None:
    """What packed a file that begins like this; None if it is not packed."""
    start, skipped = head, False
    while SKIPPABLE.match(start):
        skipped, start = True, start[8 + struct.unpack_from("<I", start, 4)[0] :]
    found = next((packer for packer in PACKERS if packer.magic.match(start)), None)
    return ZSTD if found is None and skipped else found


def _members(begin: Callable[[], Any]) -> Unpack:
    """All members of a file, one after the other, by a decompressor object of Python's kind for each."""

    def unpack(blocks: Blocks) -> Unpacked:
        member, ended = None, False
        for block in blocks:
            for at in range(0, len(block), STEP):
                rest = block[at : at + STEP]
                while rest:
                    if member is None:
                        if ended and not rest.strip(b"\0"):
                            break  # what fills a tape's last block
                        member = begin()
                    yield _decompressed(member, rest, behind=ended)
                    rest = member.unused_data if member.eof else b""
                    ended |= member.eof
                    member = None if member.eof else member
        if member is not None:
            raise DamagedError("it ends early")

    return unpack


def _decompressed(member: Any, data: bytes, *, behind: bool) -> bytes:
    try:
        return bytes(member.decompress(data))
    except (OSError, EOFError, zlib.error, lzma.LZMAError, zstandard.ZstdError) as error:
        where = " (behind a whole one)" if behind else ""
        raise DamagedError(f"{error}{where}") from error


def _tool(*command: str, package: str) -> Unpack:
    """By a program that reads and writes pipes."""

    def unpack(blocks: Blocks) -> Unpacked:
        with tempfile.TemporaryFile() as said:
            try:
                process = subprocess.Popen(
                    command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=said
                )
            except FileNotFoundError as error:
                raise StoreError(f"{command[0]} is not installed", f"apt install {package}") from error
            with process:
                yield from _through(process, blocks)
            if process.returncode:
                said.seek(0)
                raise DamagedError(_reason(said.read(), command[0]))

    return unpack


def _through(process: subprocess.Popen[bytes], blocks: Blocks) -> Unpacked:
    """Feed a program from a thread, yield what it writes."""
    failure: list[BaseException] = []
    feeder = threading.Thread(target=_feed, args=(process.stdin, blocks, failure), daemon=True)
    feeder.start()
    try:
        with process.stdout or io.BytesIO() as out:  # it has one: it was asked for
            while block := out.read(COPY):
                yield block
    finally:
        feeder.join()  # if not everything was read: the program ends with its output, and that with it
    if failure:
        raise failure[0]


def _feed(pipe: IO[bytes] | None, blocks: Blocks, failure: list[BaseException]) -> None:
    try:
        with pipe or io.BytesIO() as stdin:  # likewise
            for block in blocks:
                stdin.write(block)
    except BrokenPipeError:
        pass  # it has ended early, and is asked for its reason
    except BaseException as error:  # noqa: BLE001 - raised again by the reading thread
        failure.append(error)


def _reason(said: bytes, tool: str) -> str:
    why = reason(tool, "", said.decode(errors="replace"))
    return f"{tool} says: {why}" if why else f"{tool} refuses it"


SKIPPABLE = re.compile(rb"[\x50-\x5f]\x2a\x4d\x18.{4}", re.DOTALL)
"""A frame that says nothing (RFC 8878, 3.1.2), in zstd and LZ4 alike; pzstd begins every file with one."""

ZSTD = Packer(
    "zstd",
    re.compile(rb"\x28\xb5\x2f\xfd"),
    _members(lambda: zstandard.ZstdDecompressor(max_window_size=WINDOW).decompressobj()),
)
PACKERS = (
    Packer("gzip", re.compile(rb"\x1f\x8b"), _members(lambda: zlib.decompressobj(zlib.MAX_WBITS | 16))),
    ZSTD,
    Packer(
        "bzip2",
        re.compile(rb"BZh[1-9](?:1AY&SY|\x17rE8P\x90)"),
        _members(bz2.BZ2Decompressor),
    ),
    Packer("xz", re.compile(rb"\xfd7zXZ\0"), _members(lambda: lzma.LZMADecompressor(format=lzma.FORMAT_XZ))),
    Packer("lz4", re.compile(rb"[\x04\x02][\x22\x21][\x4d\x4c]\x18"), _tool("lz4", "-dc", package="lz4")),
    Packer("lzop", re.compile(rb"\x89LZO\0\r\n\x1a\n"), _tool("lzop", "-dc", package="lzop")),
    Packer("lzip", re.compile(rb"LZIP[\0\x01]"), _tool("lzip", "-dc", "--trailing-error", package="lzip")),
    Packer(
        # No magic: properties as everybody has them, a dictionary of whole KiB, a size that is unknown or
        # below 2^40, and the first byte of the range coder, which is always 0.
        "lzma",
        re.compile(rb"\x5d\0.{3}(?:\xff{8}|.{5}\0{3})\0", re.DOTALL),
        _members(lambda: lzma.LZMADecompressor(format=lzma.FORMAT_ALONE)),
    ),
)
"""Whatever is read; the first that matches."""
