"""A set of numbers in little memory."""

from __future__ import annotations

import threading

from hypothesis import given
from hypothesis import strategies as st

from initramfs.imaging.restore.delta_scan import Bitmap


@given(size=st.integers(1, 500), data=st.data())
def test_it_is_a_set(size: int, data: st.DataObject) -> None:
    """Of the numbers below its size."""
    numbers = data.draw(st.lists(st.integers(0, size - 1)))
    bitmap = Bitmap(size)
    for number in numbers:
        bitmap.add(number)
    assert {number for number in range(size) if number in bitmap} == set(numbers)
    assert len(bitmap) == len(set(numbers))


def test_threads_lose_nothing() -> None:
    """Neighbours share a byte."""
    bitmap = Bitmap(8000)

    def add(first: int) -> None:
        for number in range(first, 8000, 8):
            bitmap.add(number)

    threads = [threading.Thread(target=add, args=(first,)) for first in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(bitmap) == 8000
