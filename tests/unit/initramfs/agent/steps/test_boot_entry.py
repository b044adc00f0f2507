"""Boot entries: read as efibootmgr prints them, ordered with the network first."""

from initramfs.agent.steps.boot_entry import parse, stale, wanted_order

# OVMF, started from the network, with an entry that an earlier run left.
SHOWN = """\
BootCurrent: 0003
Timeout: 0 seconds
BootOrder: 0000,0003,0007,0002
Boot0000* UiApp\tFvVol(7cb8bdc9-f8eb-4f34-aaea-3ee4af6516a1)/FvFile(462caa21-7614-4503-836e-8ab6f4662331)
Boot0002* UEFI Misc Device\tPciRoot(0x0)/Pci(0x3,0x0){auto_created_boot_option}
Boot0003* UEFI PXEv4 (MAC:525400123456)\tPciRoot(0x0)/Pci(0x2,0x0)/MAC(525400123456,1)/IPv4(0.0.0.0)
Boot0007* clonesys\tHD(1,GPT,0f7f4a0d-2a4b)/File(\\EFI\\debian\\grubx64.efi)
"""


def test_the_entries_are_read() -> None:
    """Numbers, labels, order and what we came from."""
    entries = parse(SHOWN)
    assert entries.current == "0003"
    assert entries.order == ("0000", "0003", "0007", "0002")
    assert entries.labels["0003"] == "UEFI PXEv4 (MAC:525400123456)"


def test_the_network_stays_first_and_ours_follows() -> None:
    """So that the appliance decides every boot."""
    assert wanted_order(parse(SHOWN)) == ["0003", "0007", "0000", "0002"]


def test_our_earlier_entry_is_found() -> None:
    """A second run replaces it instead of adding another."""
    assert stale(parse(SHOWN)) == ["0007"]


def test_firmware_that_says_nothing_is_no_error() -> None:
    """Some firmware has neither BootCurrent nor BootOrder."""
    assert wanted_order(parse("No BootOrder is set; firmware will attempt recovery\n")) == []
