"""Images as files for other programs: raw, qcow2, and gzip as CloneSys kept them.

A file appears under its name only when it is complete and durable; one that is there is never overwritten.
"""

from __future__ import annotations

import gzip
from collections.abc import Iterator
from contextlib import contextmanager
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING

from initramfs.imaging.device.device import Device
from initramfs.imaging.device.parallel import Meter, ProgressCallback, silent
from initramfs.imaging.errors import CaptureError
from initramfs.imaging.format.header import Kind
from initramfs.imaging.format.reader import ImageReader
from initramfs.imaging.label.model import Bare
from initramfs.imaging.restore.compose import compose
from initramfs.imaging.restore.counts import RestoreCounts
from initramfs.imaging.restore.restore import Restore
from provisioner.base.durable import sync
from provisioner.images.formats.qemu import qemu_img
from provisioner.images.sector_size import sector_size_of
from provisioner.stores.errors import StoreError
from provisioner.stores.files import failing

if TYPE_CHECKING:
    from initramfs.imaging.format.manifest import Manifest
    from initramfs.imaging.format.source import ChunkSource

GZIP_LEVEL = 6


class Format(StrEnum):
    """What an export is; ``gz`` is a raw image, gzipped, ``device_name.gz``."""

    RAW = "raw"
    QCOW2 = "qcow2"
    GZ = "gz"


def export_image(
    image: Manifest,
    source: ChunkSource,
    path: Path,
    form: Format = Format.RAW,
    progress: ProgressCallback = silent,
) -> RestoreCounts:
    """Write an image as a file; into a folder under its own name.

    Raises DiskError, StoreError if the file is there already, its folder is not, or qemu-img is missing.
    """
    if path.is_dir():
        path /= f"{image.header.name}.{form}"
    if path.exists():
        raise StoreError(f"{path} is there already", "remove it, or choose another name")
    if not path.parent.is_dir():
        raise StoreError(f"there is no folder {path.parent}", "make it, or choose another one")
    with _appearing(path) as new:
        match form:
            case Format.RAW:
                return _raw(image, source, new, progress)
            case Format.GZ:
                return _gzip(image, source, new, progress)
            case Format.QCOW2:
                qemu_img("--version")
                with _appearing(new.with_suffix(".raw"), keep=False) as raw:
                    outcome = _raw(image, source, raw, progress)
                    qemu_img("convert", "-f", "raw", "-O", "qcow2", raw, new)
                return outcome


def import_hint(image: Manifest, source: ChunkSource) -> str:
    """The option that an import of the exported file needs, or an empty text.

    A file has no sectors. Nearly always its content tells which the disk had; where it does not, people must.
    Content without a file system looks like nothing at all.
    Raises what the source raises.
    """
    header, reader = image.header, ImageReader(image, source)
    known = {item.partition: item.minimal for item in header.filesystems}
    areas = header.label.areas if header.label is not None else ()
    needed = {area.start: known[area.number] for area in areas if area.number in known}
    try:
        told = sector_size_of(
            reader.read, header.size, lambda offset, length: offset in needed and needed[offset] <= length
        )
    except CaptureError:
        told = 0
    unknown = header.label is None and not header.filesystems
    sectors = "" if told == header.sector_size else f"--sector-size {header.sector_size}"
    return " ".join(filter(None, ("--format raw" if unknown else "", sectors)))


@contextmanager
def _appearing(path: Path, *, keep: bool = True) -> Iterator[Path]:
    """A name to write to; afterwards the file is ``path``, durable. Nothing stays of a failure."""
    new = path.with_name(f".{path.name}.part")
    try:
        yield new
        if keep:
            with failing("export", path):
                sync(new)
                new.rename(path)
                sync(path.parent)
    finally:
        new.unlink(missing_ok=True)


def _raw(image: Manifest, source: ChunkSource, path: Path, progress: ProgressCallback) -> RestoreCounts:
    """Sparse, by the engine: written in parallel and read back."""
    header = image.header
    bare = header.kind is Kind.PARTITION
    with Device.create(path, header.size, sector_size=header.sector_size) as target:
        layout = compose(
            target_size=target.size,
            sector_size=target.sector_size,
            disk=None if bare else image,
            partitions={Bare.BARE: image} if bare else {},
        )
        return Restore(layout, source, target, progress=progress).run()


def _gzip(image: Manifest, source: ChunkSource, path: Path, progress: ProgressCallback) -> RestoreCounts:
    """One stream in one thread, as gzip wants it. No time, no name in it: the same image, the same file."""
    reader, outcome = ImageReader(image, source), RestoreCounts()
    meter = Meter("export", reader.size, progress)
    with failing("export", path), path.open("xb") as file:
        with gzip.GzipFile("", "wb", GZIP_LEVEL, file, mtime=0) as packed:
            for block in reader.blocks():
                packed.write(block)
                meter.add(len(block))
        outcome.bytes_written = file.tell()
    outcome.bytes_read = reader.size
    outcome.chunks_total = outcome.chunks_verified = sum(any(item.digest) for item in image.index)
    return outcome
