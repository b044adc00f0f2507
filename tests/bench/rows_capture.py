"""Capturing: into an empty store, and again after one package was upgraded."""

from __future__ import annotations

from pathlib import Path

from tests.bench.appliance import NAME, Appliance
from tests.bench.measure import Sample, alternate, cpu, forget, pipeline, seconds
from tests.bench.report import Row, Verdict, at_least
from tests.bench.world import World

OURS, PEER = "clonesys", "partclone, zstd -3 -T2"
NOTE = "Both end when what they wrote is on the disk: ours calls syncfs, the peer's file is synced."


def capture(world: World) -> Row:
    """Everything, into an empty store."""
    appliance, file = Appliance(world.work / "captures"), world.work / "capture.pcl.zst"

    def ours() -> Sample:
        appliance.forget_all()
        forget()
        return appliance.capture(world.source)

    samples = alternate({OURS: ours, PEER: lambda: _peer(world.source, file)}, world.runs, world.say)
    sent, size = samples[OURS][-1].facts["bytes_sent"], file.stat().st_size
    file.unlink()
    return Row(
        "capture",
        "into an empty store",
        samples,
        (
            at_least(f"beside {PEER}", seconds(samples[PEER]) / seconds(samples[OURS]), 1.5),
            Verdict("processor time beside the peer's", f"{cpu(samples[PEER]) / cpu(samples[OURS]):.2f} ×"),
            Verdict("bytes beside the peer's", f"{sent / size:.3f} × ({sent >> 20} and {size >> 20} MiB)"),
        ),
        (NOTE,),
    )


def recapture(world: World) -> Row:
    """Again, after one package was upgraded. The peer starts from nothing, as it must."""
    file, source = world.work / "capture.pcl.zst", world.device(world.second)
    appliance = Appliance(world.work / "recaptures")
    appliance.capture(world.source)

    def ours() -> Sample:
        forget()
        sample = appliance.capture(source)
        appliance.forget(f"{NAME}@latest")
        return sample

    samples = alternate({OURS: ours, PEER: lambda: _peer(source, file)}, world.runs, world.say)
    file.unlink()
    facts = samples[OURS][-1].facts
    return Row(
        "recapture",
        "again, after openssl was upgraded by dpkg",
        samples,
        (
            at_least(f"beside {PEER}", seconds(samples[PEER]) / seconds(samples[OURS]), 3),
            Verdict("chunks sent", f"{facts['chunks_sent']} of {facts['chunks']}"),
            Verdict("bytes sent", f"{facts['bytes_sent'] / (1 << 20):.1f} MiB"),
        ),
        (NOTE,),
    )


def _peer(source: Path, file: Path) -> Sample:
    file.unlink(missing_ok=True)
    forget()
    read = f"partclone.ext4 -c -s {source} -o - -L /dev/null 2>/dev/null"
    return pipeline(f"{read} | zstd -3 -T2 -q -o {file} && sync {file}")
