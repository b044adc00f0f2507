"""Files as they come: split in pieces, compressed one way or another, read once as the blocks inside.

What a file is, its first bytes say, never its name.
"""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from itertools import chain
from pathlib import Path
from typing import IO

from provisioner.images.formats.kinds import HEAD, foreign
from provisioner.images.formats.packers import COPY, Blocks, DamagedError, Packer, packer_of
from provisioner.images.formats.pieces import COPY_AGAIN
from provisioner.stores.errors import StoreError
from provisioner.stores.files import failing


@dataclass(slots=True)
class Content:
    """What is inside of a file, to be read once.

    Attributes:
        pieces: the files that it is read from.
        packer: how it was compressed.
        head: its first bytes; fewer than :data:`HEAD` if there are no more.
        size: of what was read until now.
    """

    pieces: Sequence[Path]
    packer: Packer | None
    head: bytes
    size: int = 0
    _blocks: Blocks = field(default_factory=lambda: iter(()))

    @property
    def name(self) -> str:
        """For messages."""
        return self.pieces[0].name

    @property
    def plain(self) -> Path | None:
        """The file or device that holds just this content; nothing for a pipe, which is read once."""
        path = self.pieces[0]
        alone = self.packer is None and len(self.pieces) == 1
        return path if alone and (path.is_file() or path.is_block_device()) else None

    def blocks(self) -> Blocks:
        """All of it, in blocks of :data:`COPY` bytes but for the last. Raises DamagedError."""
        held = bytearray()
        for block in self._blocks:
            held += block
            while len(held) >= COPY:
                self.size += COPY
                yield bytes(held[:COPY])
                del held[:COPY]
        self.size += len(held)
        if held:
            yield bytes(held)

    def refuse_foreign(self) -> None:
        """Raises StoreError if this is something that is known and not read, or packed twice."""
        kind = foreign(self.head)
        if kind is not None:
            raise StoreError(f"{self.name} is {kind.name}: it cannot be imported", kind.hint)
        inner = packer_of(self.head) if self.packer else None
        if inner is not None:
            raise StoreError(
                f"{self.name} is packed twice: what {inner.name} has packed lies inside", "unpack it once"
            )


@contextmanager
def unpacked(pieces: Sequence[Path]) -> Iterator[Content]:
    """The content of a file, or of one that was split, decompressed.

    Raises StoreError if it is damaged or holds nothing, while it is read, too.
    """
    name = pieces[0]
    with ExitStack() as stack:
        with failing("read", name):
            files = [stack.enter_context(piece.open("rb")) for piece in pieces]
        try:
            yield _opened(pieces, _read(name, files), stack)
        except DamagedError as error:
            raise StoreError(f"{name} is damaged: {error}", COPY_AGAIN) from error


def _opened(pieces: Sequence[Path], packed: Blocks, stack: ExitStack) -> Content:
    head, blocks = _head(packed)
    packer = packer_of(head)
    if packer is not None:
        content = packer.unpack(blocks)
        stack.callback(content.close)  # ends a program that unpacks, if not everything was read
        head, blocks = _head(content)
    if not head:
        what = f"what {packer.name} has packed there is empty" if packer else "it has 0 bytes"
        raise StoreError(f"{pieces[0]} holds nothing: {what}", COPY_AGAIN)
    return Content(pieces, packer, head[:HEAD], _blocks=blocks)


def _read(name: Path, files: Sequence[IO[bytes]]) -> Blocks:
    for file in files:
        while True:
            with failing("read", name):
                block = file.read(COPY)
            if not block:
                break
            yield block


def _head(blocks: Iterable[bytes]) -> tuple[bytes, Blocks]:
    """At least :data:`HEAD` bytes if there are so many, and everything."""
    head = b""
    for block in blocks:
        head += block
        if len(head) >= HEAD:
            break
    return head, chain([head], blocks)


def write_sparse(content: Content, target: Path, room: int | None = None) -> None:
    """Write everything to a file or block device that is empty, leaving zeros out.

    ``room`` is how many bytes it must have. Raises StoreError if it has more or fewer.
    """
    with failing("unpack", target), target.open("r+b" if target.exists() else "xb") as raw:
        for block in content.blocks():
            if room is not None and content.size > room:
                raise StoreError(
                    f"{content.name} holds more than the {room} bytes of its partition", COPY_AGAIN
                )
            if block.strip(b"\0"):
                raw.write(block)
            else:
                raw.seek(len(block), os.SEEK_CUR)
        if target.is_file():
            raw.truncate()
    if room is not None and content.size < room:
        raise StoreError(
            f"{content.name} holds {content.size} of the {room} bytes of its partition: the rest is missing",
            COPY_AGAIN,
        )
