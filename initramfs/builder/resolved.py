"""Which packages, in which versions: asked of the archive once a day, remembered in between.

A cached build needs no network, and a lab of a hundred builds asks the mirror once.
"""

from __future__ import annotations

import hashlib
import json
import time
from collections.abc import Callable
from dataclasses import asdict
from pathlib import Path

from initramfs.builder.apt import Apt, Package, host_sources
from initramfs.builder.errors import CommandError
from initramfs.builder.spec import Spec

FRESH = 24 * 3600.0
"""Seconds for which an answer is taken as it is."""


def resolve(spec: Spec, cache: Path, *, refresh: bool, report: Callable[[str], None]) -> tuple[Package, ...]:
    """The packages of ``spec``. Yesterday's answer is better than none when the archive is out of reach."""
    path = cache / "resolved.json"
    sources = host_sources()
    key = _key(spec, sources)
    known, age = recall(path.read_text() if path.exists() else "", key, time.time())
    if known and age < FRESH and not refresh:
        return known
    report("asking Debian's archive for the packages")
    apt = Apt(cache / "apt")
    try:
        apt.refresh(sources)
    except CommandError:
        if not known or refresh:
            raise
        report(f"the archive cannot be reached; using its answer of {age / 3600:.0f} hours ago")
        return known
    packages = apt.resolve(spec)
    path.write_text(record(packages, key, time.time()))
    return packages


def record(packages: tuple[Package, ...], key: str, now: float) -> str:
    """An answer as text."""
    return json.dumps(
        {"key": key, "at": now, "packages": [asdict(package) for package in packages]}, indent=1
    )


def recall(text: str, key: str, now: float) -> tuple[tuple[Package, ...], float]:
    """The packages of a recorded answer to the same question, and its age in seconds; else none."""
    answer = json.loads(text) if text else {}
    if answer.get("key") != key:
        return (), 0.0
    return tuple(Package(**package) for package in answer["packages"]), now - answer["at"]


def _key(spec: Spec, sources: str) -> str:
    question = [sorted(spec.packages), sorted(spec.absent), sources]
    return hashlib.sha256(json.dumps(question).encode()).hexdigest()
