"""What can go wrong with disks and images, in words for the person in front of the machine.

Whatever the engine raises on purpose is a
:class:`DiskError`; an error of chunks carries the chunk's digest.
"""

from __future__ import annotations

from initramfs.errors import ExplainedError


class DiskError(ExplainedError):
    """The root of the engine's errors."""


class ManifestError(DiskError):
    """A manifest that is damaged, not ours, or newer than this program."""


class LabelError(DiskError):
    """A partition table that contradicts itself or the disk."""


class LayoutError(DiskError):
    """Image and target do not fit. Raised before anything is written."""


class DeviceError(DiskError):
    """A disk or file that cannot be opened, read or written."""


class VerifyError(DiskError):
    """What was read back is not what was written."""


class CaptureError(DiskError):
    """A source that must not or cannot be captured."""


class Unmapped(DiskError):  # noqa: N818 - an answer, and it reads as one
    """A file of which its file system's tool does not say plainly where all of it lies, and why not."""


class ToolError(DiskError):
    """A program that we start (partclone, blkid, losetup) failed."""


class ToolMissingError(ToolError):
    """It is not installed here: nothing is said about what it was to look at."""


class ToolKilledError(ToolError):
    """It was ended by a signal, for want of memory perhaps: nothing is said either."""


class ChunkError(DiskError):
    """Something about one chunk."""

    def __init__(self, digest: bytes, message: str, hint: str = "") -> None:
        super().__init__(f"chunk {digest.hex()}: {message}", hint)
        self.digest = digest


class Missing(ChunkError):  # noqa: N818 - an answer, and it reads as one
    """The source does not have this chunk."""


class Corrupt(ChunkError):  # noqa: N818 - an answer, and it reads as one
    """What the source gave is not this chunk. An alarm: a disk, a memory or a person changed it."""


class Unavailable(ChunkError):  # noqa: N818 - an answer, and it reads as one
    """The source cannot answer now."""
