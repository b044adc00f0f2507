"""The kind of an image, disk or partition: fixed by its first generation and its name.

Every store asks :func:`check_kind` before a manifest appears, so that no way of adding a generation passes
by; :func:`kind_of` tells it earlier, to refuse before anything is read. Only the kind is taken from
manifests here: whether they are to be believed is for others to check.
"""

from __future__ import annotations

from contextlib import suppress
from typing import TYPE_CHECKING

from initramfs.imaging.errors import ManifestError
from initramfs.imaging.format.names import HINT, why_other_kind
from initramfs.imaging.format.signed import read_header
from provisioner.stores.errors import KindError

if TYPE_CHECKING:
    from collections.abc import Iterable

    from initramfs.imaging.format.header import Kind
    from provisioner.stores.protocols import Catalogue


def check_kind(name: str, manifest: bytes, earlier: Iterable[bytes]) -> None:
    """See that a new generation is of the kind of the ``earlier`` ones, oldest first. Raises KindError."""
    with suppress(ManifestError):  # no manifest of ours: nothing is known of its kind
        why = why_other_kind(name, read_header(manifest).kind, _first(earlier))
        if why:
            raise KindError(why, HINT)


def kind_of(catalogue: Catalogue, name: str) -> Kind | None:
    """The kind of an image's generations; None if there are none. Raises ImageNameError."""
    numbers = catalogue.generations(name)
    return _first(catalogue.manifest(catalogue.resolve(f"{name}@{number}")) for number in numbers)


def _first(manifests: Iterable[bytes]) -> Kind | None:
    for data in manifests:
        with suppress(ManifestError):  # a damaged one says nothing; the next one may
            return read_header(data).kind
    return None
