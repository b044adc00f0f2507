"""The agent in a virtual machine. Not run yet."""

from __future__ import annotations

from tests.bench.report import Row, Verdict
from tests.bench.world import World


def agent(_world: World) -> Row:
    """Bytes a second onto a virtio disk, beside dd there."""
    verdict = Verdict("disk bytes a second beside dd oflag=direct", "not run", "≥ 0.8 ×")
    return Row("agent", "the agent in QEMU, virtio disk", {}, (verdict,), ("Not run: no such bench yet.",))
