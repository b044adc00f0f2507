"""Restoring: onto a blank disk, onto the generation before, onto itself, and of a large partition."""

from __future__ import annotations

import sys
from pathlib import Path

from tests.bench import disks, floor
from tests.bench.appliance import NAME
from tests.bench.measure import Sample, alternate, forget, measure, median, pipeline, seconds
from tests.bench.report import Row, Verdict, at_least, at_most
from tests.bench.world import LARGE, World

OURS, PARTCLONE, DD, FLOOR = "clonesys", "curl, zstd -d, partclone.restore", "curl, gunzip, dd", "floor"
PROVING = "floor, read back and hashed"
SLOW_RUNS = 2
"""dd writes all 4 GiB: more runs would be most of the bench."""


def full(world: World) -> Row:
    """The whole image onto a blank disk."""
    target, url, peers = world.target_small, world.url, world.peers_url
    quiet = "curl -sf"

    def ours() -> Sample:
        world.blank(target)
        sample = world.appliance.restore(f"{NAME}@1", target, "--from", url)
        if sample.facts["chunks_verified"] != sample.facts["chunks_total"]:
            raise RuntimeError("not everything was proved")
        return sample

    def partclone() -> Sample:
        world.blank(target)
        to = f"partclone.restore -s - -O {target} -L /dev/null > /dev/null 2>&1"
        return pipeline(f"{quiet} {peers}/debian.pcl.zst | zstd -dcq | {to}")

    def gunzip() -> Sample:
        world.blank(target)
        return pipeline(
            f"{quiet} {peers}/debian.gz | gunzip -c | dd of={target} bs=1M conv=fsync status=none"
        )

    def least(what: str) -> Sample:
        world.blank(target)
        where = (world.appliance.manifest(1), world.appliance.key, world.appliance.chunks, target)
        return _by_its_own_clock(measure(sys.executable, "-m", floor.__name__, what, *where))

    slow = alternate({DD: gunzip}, min(SLOW_RUNS, world.runs), world.say)
    contenders = {
        OURS: ours,
        PARTCLONE: partclone,
        FLOOR: lambda: least("restore"),
        PROVING: lambda: least("prove"),
    }
    samples = alternate(contenders, world.runs, world.say) | slow
    mine = seconds(samples[OURS])
    return Row(
        "restore",
        "the whole image onto a blank disk",
        samples,
        (
            at_least(f"beside {PARTCLONE}", seconds(samples[PARTCLONE]) / mine, 4),
            at_least(f"beside {DD}", seconds(samples[DD]) / mine, 10),
            at_most("beside decompressing, hashing, writing alone", mine / seconds(samples[FLOOR]), 1.5),
            Verdict("beside the same and reading back", f"{mine / seconds(samples[PROVING]):.2f} ×"),
        ),
        (
            "Ours is the whole command and includes the start of its program; the floor's clock does not.",
            "All data is cold; all programs were started once before, so none is loaded from a cold disk.",
            "Ours includes the proof: all is read back past the caches and hashed. No peer does that.",
            "Everybody's time includes a sync at the end: partclone's own, dd's conv=fsync, our flushes.",
            "The floor has its chunks in memory before its clock starts; it fetches nothing.",
        ),
    )


def delta(world: World) -> Row:
    """Onto the generation before, one package upgraded."""
    target, url, appliance = world.target_small, world.url, world.updated

    def ours() -> Sample:
        appliance.restore(f"{NAME}@1", target, "--delta")
        forget()
        return appliance.restore(f"{NAME}@2", target, "--delta", "--from", url)

    def least() -> Sample:
        forget()
        where = (appliance.manifest(2), appliance.key, target)
        return _by_its_own_clock(measure(sys.executable, "-m", floor.__name__, "read", *where))

    samples = alternate({OURS: ours, FLOOR: least}, world.runs, world.say)
    fetched = median([sample.facts["bytes_fetched"] for sample in samples[OURS]])
    share = 100 * fetched / appliance.image_size(2)
    return Row(
        "delta",
        "onto the generation before it: openssl upgraded by dpkg",
        samples,
        (
            Verdict("bytes fetched of the image's", f"{share:.2f} %", "≤ 5 %", share <= 5),
            at_most(
                "beside reading and hashing the used blocks",
                seconds(samples[OURS]) / seconds(samples[FLOOR]),
                1.3,
            ),
        ),
        (f"The floor reads and hashes with {floor.THREADS} threads, O_DIRECT, allocated zeros too.",),
    )


def itself(world: World) -> Row:
    """Onto a disk that holds it already."""
    target, url, appliance = world.target_small, world.url, world.updated
    appliance.restore(f"{NAME}@2", target, "--delta")

    def ours() -> Sample:
        forget()
        return appliance.restore(f"{NAME}@2", target, "--delta", "--from", url)

    samples = alternate({OURS: ours}, world.runs, world.say)
    fetched = max(sample.facts["chunks_fetched"] for sample in samples[OURS])
    written = max(sample.facts["bytes_written"] + sample.facts["bytes_zeroed"] for sample in samples[OURS])
    return Row(
        "itself",
        "onto a disk that holds it already",
        samples,
        (
            Verdict("chunks fetched", str(fetched), "0", fetched == 0),
            Verdict("bytes written", str(written), "0", written == 0),
        ),
    )


def large(world: World) -> Row:
    """The same system on 64 GiB: capture and restore."""
    url, small, wide = world.url, world.target_small, world.target(LARGE)
    sources = {"4 GiB": world.source, "64 GiB": world.device(world.large)}
    world.appliance.capture(sources["64 GiB"], "sda5_Large")

    def restore(image: str, target: Path) -> Sample:
        world.blank(target)
        return world.appliance.restore(image, target, "--from", url)

    def again(source: Path) -> Sample:
        forget()
        return world.appliance.capture(source, "sda5_Again")

    samples = alternate(
        {
            "restore, 4 GiB": lambda: restore(f"{NAME}@1", small),
            "restore, 64 GiB": lambda: restore("sda5_Large", wide),
            "recapture, 4 GiB": lambda: again(sources["4 GiB"]),
            "recapture, 64 GiB": lambda: again(sources["64 GiB"]),
        },
        world.runs,
        world.say,
    )
    disks.empty(wide)
    return Row(
        "large",
        "the same system on a partition of 64 GiB",
        samples,
        tuple(_compared(samples)),
        (f"Both have {disks.INODES} inodes and {disks.JOURNAL} MiB of journal, as 4 GiB has by itself.",),
    )


def _compared(samples: dict[str, list[Sample]]) -> list[Verdict]:
    verdicts = []
    for what in ("restore", "recapture"):
        small, wide = samples[f"{what}, 4 GiB"], samples[f"{what}, 64 GiB"]
        memory = max(s.rss for s in wide) / max(s.rss for s in small)
        verdicts.append(at_most(f"time of the {what} beside 4 GiB", seconds(wide) / seconds(small), 1.2))
        verdicts.append(at_most(f"memory of the {what} beside 4 GiB", memory, 1.2))
    return verdicts


def _by_its_own_clock(sample: Sample) -> Sample:
    return Sample(sample.facts["seconds"], sample.cpu, sample.rss, sample.facts)
