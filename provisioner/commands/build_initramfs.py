"""``initramfs build``: what machines boot, with this appliance's key inside, is put where they fetch it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from initramfs.builder import build as builder
from initramfs.builder import spec
from initramfs.builder.build import Built
from provisioner.boot import files
from provisioner.commands.appliance import Appliance
from provisioner.commands.record import be_ready_to_record, record_change
from provisioner.security.actors import Actor, Right
from provisioner.security.keys import load_public_key


@dataclass(frozen=True, slots=True)
class BuildInitramfs:
    """``cache`` is kept between builds; ``refresh`` asks the archive for newer packages now."""

    cache: Path | None = None
    refresh: bool = False


def build_initramfs(
    appliance: Appliance, actor: Actor, wish: BuildInitramfs, report: Callable[[str], None]
) -> Built:
    """Build and install them; ``report`` gets a line a step. Raises ForbiddenError, BuildError."""
    actor.require(Right.APPLIANCE)
    be_ready_to_record(appliance)
    built = builder.build(
        spec.load(),
        wish.cache or appliance.root / "cache" / "initramfs",
        public_key=load_public_key(appliance.root).public_bytes_raw(),
        refresh=wish.refresh,
        report=report,
    )
    files.install(appliance.root, {files.KERNEL: built.kernel, files.INITRAMFS: built.initramfs})
    said = f"Linux {built.release.strip()}, {built.digest[:12]}"
    record_change(appliance, actor, "initramfs build", said)
    return built
