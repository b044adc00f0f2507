"""What an import makes of a file or folder, without a store."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from initramfs.errors import ExplainedError
from provisioner.images.formats.imports import Raw, Source, raw_file


@contextmanager
def imported(source: Source | Path, work: Path) -> Iterator[Raw]:
    """Unpacked below ``work``, of which nothing stays."""
    with raw_file(source if isinstance(source, Source) else Source(source), work) as found:
        yield found
    assert not list(work.iterdir())


def refused(source: Source | Path, work: Path, words: str) -> str:
    """It is not imported, for a reason that matches ``words``; the hint."""
    with pytest.raises(Exception, match=words) as caught, imported(source, work):
        pass
    assert isinstance(caught.value, ExplainedError)
    assert not work.exists() or not list(work.iterdir())
    return caught.value.hint
