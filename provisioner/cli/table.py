"""Tables for people. Apart from ``output``, because what draws them takes long to load."""

from __future__ import annotations

import sys
from collections.abc import Iterable, Sequence

from rich.console import Console
from rich.table import Table

from provisioner.cli.output import harmless


def print_table(columns: Sequence[str], rows: Iterable[Sequence[str]]) -> None:
    """Rows under headings; as wide as needed where there is no terminal."""
    console = Console(markup=False, highlight=False, width=None if sys.stdout.isatty() else 240)
    table = Table(*columns, box=None, pad_edge=False, header_style="bold")
    for row in rows:
        table.add_row(*map(harmless, row))
    console.print(table)
