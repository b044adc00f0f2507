"""What can go wrong with the image store. A leaf above the product's errors.

Single chunks raise the engine's errors: Missing is an answer, Corrupt an alarm.
"""

from __future__ import annotations

from provisioner.base.errors import ConflictError, InvalidError, NotFoundError, Problem, ProvisionerError


class StoreError(ProvisionerError):
    """The store's files cannot be read or written."""


class StoreFullError(StoreError):
    """No room for another chunk. What was there before is whole."""


class StoreBusyError(ConflictError):
    """Another process holds the lock."""


class IncompleteError(ConflictError):
    """An image was handed over before all of its chunks were. The agent asks again what is missing."""


class NoImageError(NotFoundError):
    """There is no image of this name or generation."""


class ImageNameError(InvalidError):
    """A name that no image can have."""

    def __init__(self, name: str, what: str) -> None:
        super().__init__(
            f"{name!r:.60} cannot be an image's name",
            (Problem("name", what),),
            "CloneSys names begin with the device: sda5_Debian, sda_InitClone",
        )


class KindError(InvalidError):
    """A whole disk as a generation of a partition's image, or the other way round."""

    def __init__(self, why: str, hint: str) -> None:
        super().__init__(why, (Problem("name", why),), hint)
