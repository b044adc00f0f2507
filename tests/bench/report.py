"""What was measured and whether it is good enough: to a terminal, to report.json and to report.md."""

from __future__ import annotations

import json
import os
import platform
from collections.abc import Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path

from tests.bench.measure import Sample, cpu, seconds


@dataclass(frozen=True, slots=True)
class Verdict:
    """One bar: what was found, what is asked, whether it is met (None: not run, or nothing is asked)."""

    what: str
    found: str
    bar: str = ""
    met: bool | None = None


@dataclass(frozen=True, slots=True)
class Row:
    """One row of the bench: all runs by contender, the verdicts, and what a reader must know."""

    name: str
    title: str
    samples: dict[str, list[Sample]] = field(default_factory=dict)
    verdicts: tuple[Verdict, ...] = ()
    notes: tuple[str, ...] = ()


def at_least(what: str, ratio: float, bar: float) -> Verdict:
    """So many times as fast."""
    return Verdict(what, f"{ratio:.2f} ×", f"≥ {bar:g} ×", ratio >= bar)


def at_most(what: str, ratio: float, bar: float) -> Verdict:
    """So many times as long, or as much."""
    return Verdict(what, f"{ratio:.2f} ×", f"≤ {bar:g} ×", ratio <= bar)


def markdown(rows: Sequence[Row]) -> str:
    """The whole report."""
    lines = ["# Bench of the disk engine", "", _machine(), "", "| work | measure | found | bar | met |"]
    lines += ["| --- | --- | --- | --- | --- |"]
    for row in rows:
        lines += [f"| {row.name} | {v.what} | {v.found} | {v.bar} | {_word(v)} |" for v in row.verdicts]
    for row in rows:
        lines += ["", f"## {row.name}: {row.title}", ""]
        if row.samples:
            lines += [
                "| | seconds (median) | all | processor seconds | MiB |",
                "| --- | --- | --- | --- | --- |",
            ]
            lines += [_line(name, samples) for name, samples in row.samples.items()]
        lines += ["", *(f"- {note}" for note in row.notes)]
    return "\n".join(lines) + "\n"


def write(rows: Sequence[Row], folder: Path) -> None:
    """``report.json`` and ``report.md``."""
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "report.md").write_text(markdown(rows))
    facts = {"machine": _machine(), "rows": [asdict(row) for row in rows]}
    (folder / "report.json").write_text(json.dumps(facts, indent=1, ensure_ascii=False) + "\n")


def _word(verdict: Verdict) -> str:
    return {True: "yes", False: "**no**", None: "–"}[verdict.met]


def _line(name: str, samples: Sequence[Sample]) -> str:
    every = ", ".join(f"{sample.seconds:.2f}" for sample in samples)
    memory = max(sample.rss for sample in samples) >> 20
    return f"| {name} | {seconds(samples):.2f} | {every} | {cpu(samples):.2f} | {memory} |"


def _machine() -> str:
    load = ", ".join(f"{value:.1f}" for value in os.getloadavg())
    return f"{os.cpu_count()} processors, Linux {platform.release()}; load at the end {load}."
