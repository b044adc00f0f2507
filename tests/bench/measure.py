"""Running commands and measuring them: time by the wall, time of processors, memory. Medians."""

from __future__ import annotations

import json
import os
import statistics
import subprocess
import sys
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

KIB = 1 << 10
DROP_PAGES = "1"
"""For /proc/sys/vm/drop_caches: contents of files and devices, not the kernel's own tables."""

CLONESYS = Path(sys.executable).with_name("clonesys")
PROGRAMS = (
    (CLONESYS, "image", "restore", "--help"),
    (CLONESYS, "image", "capture", "--help"),
    *((name, "--version") for name in ("bash", "curl", "zstd", "gunzip", "dd", "partclone.ext4")),
)


@dataclass(frozen=True, slots=True)
class Sample:
    """One run: seconds by the wall, processor seconds of its processes, their peak memory, its output."""

    seconds: float
    cpu: float
    rss: int
    facts: dict[str, Any] = field(default_factory=dict)


Contender = Callable[[], Sample]


def measure(*argv: str | Path) -> Sample:
    """Run a command to its end; JSON on its standard output become the facts. Raises RuntimeError.

    Processor time and memory are those of the command and of all that it started and waited for.
    """
    began = time.monotonic()
    with subprocess.Popen([str(word) for word in argv], stdout=subprocess.PIPE) as process:
        said = process.stdout.read() if process.stdout else b""
        _, status, usage = os.wait4(process.pid, 0)
        process.returncode = os.waitstatus_to_exitcode(status)
    seconds = time.monotonic() - began
    if process.returncode:
        raise RuntimeError(f"exit status {process.returncode} from: {' '.join(map(str, argv))}\n{said!r}")
    cpu = usage.ru_utime + usage.ru_stime
    return Sample(seconds, cpu, usage.ru_maxrss * KIB, json.loads(said) if said.startswith(b"{") else {})


def pipeline(text: str) -> Sample:
    """The same for a line of shell, which fails if any part of it does."""
    return measure("bash", "-o", "pipefail", "-c", text)


def forget() -> None:
    """Write back what is dirty and drop the page cache: nobody profits from what the one before has read.

    Then all contenders' programs are started once: what is measured is their work on cold data, not how
    long this machine's own disk takes to load them.
    """
    os.sync()
    Path("/proc/sys/vm/drop_caches").write_text(DROP_PAGES)
    for argv in PROGRAMS:
        subprocess.run(argv, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, check=True)


def alternate(
    contenders: Mapping[str, Contender], runs: int, say: Callable[[str], None]
) -> dict[str, list[Sample]]:
    """Run all of them ``runs`` times, one after the other in turn, each with cold caches."""
    samples: dict[str, list[Sample]] = {name: [] for name in contenders}
    for turn in range(runs):
        for name, contender in contenders.items():
            sample = contender()
            samples[name].append(sample)
            say(f"  {turn + 1}/{runs} {name}: {sample.seconds:.2f} s, {sample.cpu:.2f} s of processors")
    return samples


def median(values: Sequence[float]) -> float:
    """The middle."""
    return statistics.median(values)


def seconds(samples: Sequence[Sample]) -> float:
    """The middle of the times by the wall."""
    return median([sample.seconds for sample in samples])


def cpu(samples: Sequence[Sample]) -> float:
    """The middle of the processor times."""
    return median([sample.cpu for sample in samples])
