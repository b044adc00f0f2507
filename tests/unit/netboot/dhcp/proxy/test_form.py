"""The memory for answer forms: time is given, nothing waits."""

from __future__ import annotations

from netboot.dhcp.proxy.form import Form, FormMemory
from netboot.model import Architecture

MAC = "52:54:00:00:00:01"


def test_first_forms() -> None:
    """BIOS gets the direct form, UEFI is sent to port 4011."""
    memory = FormMemory()
    assert memory.choose("a", Architecture.BIOS, 0, 0.0) is Form.DIRECT
    assert memory.choose("b", Architecture.UEFI_X64, 0, 0.0) is Form.BINL


def test_a_client_that_repeats_itself_gets_the_other_form() -> None:
    """edk2's four windows, as a laptop showed them that fetched nothing: each gets what the last did not."""
    memory = FormMemory()
    forms = [memory.choose(MAC, Architecture.UEFI_X64, secs, float(secs)) for secs in (0, 4, 12, 28)]
    assert forms == [Form.BINL, Form.DIRECT, Form.BINL, Form.DIRECT]


def test_a_file_request_keeps_the_form() -> None:
    """What worked is given at the next power-on too, whatever ``secs`` then says."""
    memory = FormMemory()
    memory.choose(MAC, Architecture.UEFI_X64, 0, 0.0)
    assert memory.choose(MAC, Architecture.UEFI_X64, 4, 4.0) is Form.DIRECT
    memory.progress(MAC)
    assert memory.choose(MAC, Architecture.UEFI_X64, 12, 12.0) is Form.DIRECT
    assert memory.choose(MAC, Architecture.UEFI_X64, 0, 4000.0) is Form.DIRECT


def test_duplicates_and_late_packets_change_nothing() -> None:
    """The same ``secs`` again is a relay's copy; an hour later is a new power-on."""
    memory = FormMemory()
    memory.choose(MAC, Architecture.BIOS, 4, 0.0)
    assert memory.choose(MAC, Architecture.BIOS, 4, 0.1) is Form.DIRECT
    assert memory.choose(MAC, Architecture.BIOS, 8, 3600.0) is Form.DIRECT


def test_a_client_that_does_not_count_seconds_gets_the_other_form() -> None:
    """U-Boot's lwIP says 0 each time: four DISCOVERs, seconds apart."""
    memory = FormMemory()
    forms = [memory.choose(MAC, Architecture.UEFI_X64, 0, now) for now in (0.0, 0.2, 4.0, 12.0, 28.0)]
    assert forms == [Form.BINL, Form.BINL, Form.DIRECT, Form.BINL, Form.DIRECT]


def test_other_firmware_of_the_same_machine_is_another_client() -> None:
    """What was learnt of its UEFI says nothing of its BIOS, and is not forgotten meanwhile."""
    memory = FormMemory()
    memory.choose(MAC, Architecture.UEFI_X64, 0, 0.0)
    assert memory.choose(MAC, Architecture.UEFI_X64, 4, 4.0) is Form.DIRECT
    memory.progress(MAC)
    assert memory.choose(MAC, Architecture.BIOS, 0, 100.0) is Form.DIRECT
    assert memory.choose(MAC, Architecture.BIOS, 4, 104.0) is Form.BINL
    memory.progress(MAC)
    assert memory.choose(MAC, Architecture.BIOS, 0, 200.0) is Form.BINL
    assert memory.choose(MAC, Architecture.UEFI_X64, 0, 300.0) is Form.DIRECT


def test_progress_of_strangers_is_nothing() -> None:
    """A file request from a machine never offered anything is no error."""
    memory = FormMemory()
    memory.progress(MAC)
    assert memory.choose(MAC, Architecture.BIOS, 0, 0.0) is Form.DIRECT


def test_memory_is_bounded() -> None:
    """Inventing addresses makes us forget, not grow."""
    memory = FormMemory(limit=2)
    memory.choose(MAC, Architecture.UEFI_X64, 0, 0.0)
    for other in ("b", "c", "d"):
        memory.choose(other, Architecture.BIOS, 0, 1.0)
    assert memory.choose(MAC, Architecture.UEFI_X64, 4, 4.0) is Form.BINL
