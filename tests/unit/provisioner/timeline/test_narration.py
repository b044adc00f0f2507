"""One line an event; what machines repeat is told once, with how often it came."""

from __future__ import annotations

from provisioner.timeline.audit import AuditEntry
from provisioner.timeline.events import EventView
from provisioner.timeline.narration import MEMORY, QUIET, Narration, change

MAC = "52:54:00:00:00:01"


def event(at: float, kind: str = "discover", mac: str = MAC, detail: str = "bios rom") -> EventView:
    """Something that was seen."""
    return EventView(1, at, kind, mac, "192.0.2.7", detail)


def test_an_event_is_a_line() -> None:
    """What, who, where, and the reason; a host by its name."""
    assert Narration().event(event(1.0), "pc1") == f"discover    pc1 {MAC} 192.0.2.7 bios rom"
    assert Narration().event(event(1.0)) == f"discover    {MAC} 192.0.2.7 bios rom"


def test_repetitions_are_counted_and_told_later() -> None:
    """A ROM asks four times, an unknown machine all day; another detail is another event."""
    narration = Narration()
    assert narration.event(event(0.0))
    assert [narration.event(event(at)) for at in (1.0, 2.0, QUIET - 1)] == [None] * 3
    assert narration.event(event(5.0, detail="uefi-x64 rom"))
    assert narration.event(event(5.0, mac="52:54:00:00:00:02"))
    again = narration.event(event(QUIET))
    assert again is not None
    assert again.endswith("bios rom (3 more times since)")


def test_noise_is_not_told() -> None:
    """Sizes that loaders ask for."""
    assert Narration().event(event(0.0, kind="tftp-probe")) is None


def test_invented_machines_do_not_fill_the_memory() -> None:
    """A flood is told, and forgotten."""
    narration = Narration()
    for number in range(MEMORY + 10):
        narration.event(event(0.0, mac=f"{number:012x}"))
    assert len(narration._told) <= MEMORY


def test_a_change_is_a_line() -> None:
    """Who did what."""
    assert change(AuditEntry(1, 0.0, "anna", "host rm", "pc1")) == "anna: host rm pc1"
