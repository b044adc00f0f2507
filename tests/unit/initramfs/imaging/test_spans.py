"""Maps of used blocks, and cutting them into chunks."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from initramfs.imaging.capture.cells import batches, cells, holes, reads
from initramfs.imaging.errors import CaptureError
from initramfs.imaging.filesystem.used_blocks import parse_used_blocks
from initramfs.imaging.spans import Span, merge, narrow, subtract, total

MAP = """\
# Domain logfile created by unset_name v0.3.23
# Offset: 0x00000000
# current_pos  current_status
0x03FFF000     ?
#      pos        size  status
0x00000000  0x00003000  +
0x00003000  0x00001000  ?
0x00004000  0x00007000  +
"""


def test_what_the_map_does_not_cover_is_in_use() -> None:
    """NTFS keeps a copy of its boot sector behind its last cluster."""
    assert parse_used_blocks(MAP, 0x10000) == [(0, 0x3000), (0x4000, 0x10000)]


def test_a_map_with_a_gap_is_refused() -> None:
    """A truncated or garbled map must not make blocks disappear."""
    with pytest.raises(CaptureError, match="gap"):
        parse_used_blocks(MAP + "0x0000D000  0x1000  +\n", 0x10000)


def spans() -> st.SearchStrategy[list[Span]]:
    """Sorted spans, apart from each other, in sectors."""
    edges = st.lists(st.integers(0, 5000), unique=True, max_size=40).map(sorted)
    return edges.map(lambda e: [(a * 512, b * 512) for a, b in zip(e[::2], e[1::2], strict=False)])


@given(spans(), st.integers(0, 3000).map(lambda n: n * 512), st.sampled_from([1 << 16, 1 << 17, 1 << 18]))
def test_cells_hold_all_that_is_used_and_stay_in_the_grid(used: list[Span], origin: int, size: int) -> None:
    """Nothing in use is lost, no chunk crosses the grid, and all begin and end with something in use."""
    runs = [(a + origin, b + origin) for a, b in used]
    made = list(cells(runs, origin, size))
    assert merge([run for cell in made for run in cell.runs], 1 << 40) == merge(runs, 1 << 40)
    for cell in made:
        assert (cell.start - origin) // size == (cell.end - 1 - origin) // size
        assert (cell.start, cell.end) == (cell.runs[0][0], cell.runs[-1][1])
        assert total(holes(cell)) + total(cell.runs) == cell.length
        assert merge([*reads(cell), *holes(cell)], 1 << 40) == [(cell.start, cell.end)]


@given(spans())
def test_batches_fit_into_their_room(used: list[Span]) -> None:
    """With every chunk on a page of its own."""
    made = [(0, cell) for cell in cells(used, 0, 1 << 16)]
    grouped = list(batches(made, 1 << 18))
    assert [item for batch in grouped for item in batch] == made
    assert all(sum(cell.room for _, cell in batch) <= 1 << 18 for batch in grouped)


def test_spans_are_joined_widened_and_cut() -> None:
    """To whole sectors, inside of the partition."""
    assert merge([(5000, 9000), (0, 100), (600, 700)], 8192, grain=512) == [(0, 1024), (4608, 8192)]


@given(spans(), spans())
def test_subtracting_spans_is_subtracting_their_bytes(one: list[Span], other: list[Span]) -> None:
    """What is left lies in the one and not in the other, and nothing that should be left is missing."""
    left = list(subtract(one, other))
    assert all(start < end for start, end in left)
    assert sectors(left) == sectors(one) - sectors(other)
    assert [edge for span in left for edge in span] == sorted({edge for span in left for edge in span})


@given(spans(), spans(), spans())
def test_what_is_subtracted_may_overlap_itself(one: list[Span], other: list[Span], more: list[Span]) -> None:
    """Boot-critical regions lie over the chunks in them."""
    left = list(subtract(one, sorted([*other, *more])))
    assert sectors(left) == sectors(one) - sectors(other) - sectors(more)


@given(spans(), st.sampled_from([512, 1024, 4096]))
def test_narrow_spans_have_whole_grains_only(spans: list[Span], grain: int) -> None:
    """All grains that lie in a span as a whole."""
    there = sectors(spans)
    whole = {at for at in range(0, 5001 * 512, grain) if sectors([(at, at + grain)]) <= there}
    assert {at for start, end in narrow(spans, grain) for at in range(start, end, grain)} == whole


def sectors(spans: list[Span]) -> set[int]:
    """Numbers of the sectors in all spans."""
    return {at for start, end in spans for at in range(start // 512, end // 512)}
