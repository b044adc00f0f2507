"""``make bench``: all rows, or those that ``ONLY`` names; ``RUNS`` of each. Root.

Prints a table, and writes build/bench/report.json and report.md. Exit status 0 whatever was
found: a bench tells, it does not judge.
"""

from __future__ import annotations

import os
import sys
import time
from collections.abc import Callable

from tests.bench import report, rows_agent, rows_capture, rows_restore, rows_storage
from tests.bench.report import Row
from tests.bench.world import FOLDER, World

ROWS: dict[str, Callable[[World], Row]] = {
    "restore": rows_restore.full,
    "delta": rows_restore.delta,
    "itself": rows_restore.itself,
    "capture": rows_capture.capture,
    "recapture": rows_capture.recapture,
    "large": rows_restore.large,
    "generations": rows_storage.generations,
    "hosts": rows_storage.hosts,
    "agent": rows_agent.agent,
}
RUNS = 3


def main() -> int:
    """Run the bench; its exit status."""
    wanted = [name for name in os.environ.get("ONLY", "").replace(",", " ").split() if name] or list(ROWS)
    if unknown := set(wanted) - set(ROWS):
        print(
            f"error: there is no row {', '.join(sorted(unknown))}\nhint: rows: {', '.join(ROWS)}",
            file=sys.stderr,
        )
        return 2
    if os.getuid():
        print("error: loop devices and mounts need root", file=sys.stderr)
        return 2
    began, rows = time.monotonic(), []
    with World(int(os.environ.get("RUNS") or RUNS), say) as world:
        for name in wanted:
            say(f"{name} ({time.monotonic() - began:.0f} s so far)")
            rows.append(ROWS[name](world))
            report.write(rows, FOLDER)
    print(report.markdown(rows))
    say(f"{time.monotonic() - began:.0f} s; see {FOLDER}: report.md, report.json")
    return 0


def say(line: str) -> None:
    """A line on the terminal, at once."""
    print(line, flush=True)


if __name__ == "__main__":
    sys.exit(main())
