"""Of a flood, some events and their number; of machines that are known, all."""

from __future__ import annotations

import asyncio

from netboot.events import Kind
from netboot.telling import Telling


def told(addresses: list[str], known: frozenset[str] = frozenset()) -> list[tuple[Kind, str, str]]:
    """What is passed on of one event for each of these, at one moment."""
    passed: list[tuple[Kind, str, str]] = []

    async def tell() -> None:
        over = asyncio.Event()

        def take(kind: Kind, address: str, detail: str) -> None:
            passed.append((kind, address, detail))
            if kind is Kind.IGNORED or len(passed) == len(addresses):
                over.set()

        telling = Telling(take, known.__contains__, clock=lambda: 0.0)
        for address in addresses:
            telling(Kind.TFTP_START, address, "x")
        await over.wait()

    asyncio.run(tell())
    return passed


def test_in_peace_all_is_told() -> None:
    """A classroom that starts together."""
    assert len(told([f"10.0.0.{number}" for number in range(250)])) == 250


def test_of_a_flood_some_is_told_and_all_is_counted() -> None:
    """Ten thousand addresses, or one: a bounded number of lines, and one that says how many more."""
    for addresses in ([f"10.0.{n // 256}.{n % 256}" for n in range(10_000)], ["10.0.0.1"] * 10_000):
        events = told(addresses)
        assert len(events) <= 601
        kind, address, detail = events[-1]
        assert (kind, address) == (Kind.IGNORED, "")
        assert detail == f"{10_000 - len(events) + 1} more events in a second are not told one by one"


def test_strangers_do_not_hide_a_known_machine() -> None:
    """Its events are told beside a flood."""
    flood = [f"10.0.{n // 256}.{n % 256}" for n in range(5_000)]
    events = told([*flood, "192.0.2.1"], frozenset({"192.0.2.1"}))
    assert (Kind.TFTP_START, "192.0.2.1", "x") in events
