"""Remembering which packages the archive named."""

from initramfs.builder.apt import Package
from initramfs.builder.resolved import recall, record

PACKAGES = (Package("kmod", "30-1", "kmod_30-1_amd64.deb", 95180),)


def test_an_answer_is_remembered_with_its_age() -> None:
    """To the same question only."""
    text = record(PACKAGES, "question", now=100.0)
    assert recall(text, "question", now=160.0) == (PACKAGES, 60.0)
    assert recall(text, "another", now=160.0) == ((), 0.0)


def test_nothing_is_remembered_at_first() -> None:
    """An empty cache is no error."""
    assert recall("", "question", now=0.0) == ((), 0.0)
