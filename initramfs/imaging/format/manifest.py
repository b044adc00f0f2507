"""What an image is: its header and its index, and whether the two agree. No I/O."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from initramfs.imaging.errors import ManifestError
from initramfs.imaging.format.header import Header
from initramfs.imaging.format.index import NO_DIGEST, SECTOR, Index, State

MAX_RECORDS = 2 << 20
"""2 TiB of data in chunks of 1 MiB. The index must fit into a small machine, for a moment twice."""


@dataclass(frozen=True, slots=True)
class Manifest:
    """A manifest whose signature was checked. ``digest``: SHA-256 of the file, the image's identity."""

    header: Header
    index: Index
    digest: bytes

    @property
    def title(self) -> str:
        """``name@generation``."""
        return f"{self.header.name}@{self.header.generation}"

    def expect(self, name: str, generation: int) -> Manifest:
        """Itself, if it is this image: the signature says whose it is, not where it lies.

        Raises ManifestError.
        """
        if (self.header.name, self.header.generation) != (name, generation):
            raise ManifestError(
                f"what is called {name}@{generation} is {self.title}",
                "manifests were copied or renamed: put them back from a backup, or remove this one",
            )
        return self


def check_index(header: Header, index: Index) -> None:
    """Check that ranges are sorted, apart, on the disk, and cross no border of a partition.

    Raises ManifestError.
    """
    chunk, step, size = header.chunk_size // SECTOR, header.sector_size // SECTOR, header.size // SECTOR
    borders = _borders(header)
    border, end = next(borders), 0
    if len(index) > MAX_RECORDS:
        raise ManifestError(
            f"the manifest has {len(index)} ranges, at most {MAX_RECORDS} can be handled", "use larger chunks"
        )
    for number, (start, count, state, digest) in enumerate(index.records()):
        if start < end or not count or start % step or count % step:
            raise ManifestError(f"range {number} of the manifest overlaps another, is empty or unaligned")
        end = start + count
        if end > size:
            raise ManifestError(f"range {number} of the manifest lies beyond the image's {header.size} bytes")
        while border <= start:
            border = next(borders)
        if end > border:
            raise ManifestError(f"range {number} of the manifest crosses the border of a partition")
        if state == State.ZERO and digest == NO_DIGEST:
            continue
        if state != State.DATA or count > chunk:
            raise ManifestError(f"range {number} of the manifest has state {state} and {count} sectors")


def _borders(header: Header) -> Iterator[int]:
    """Where partitions begin and end, in index sectors, ascending; then for ever the end of everything."""
    for area in header.label.areas if header.label else ():
        yield area.start // SECTOR
        yield area.end // SECTOR
    while True:
        yield 1 << 64
