"""The order in which drivers are loaded."""

from initramfs.agent.boot.hardware import aliases, batch

DISK = "pci:v00008086d00002922sv00001AF4sd00001100bc01sc06i01"
CARD = "pci:v00008086d0000100Esv00001AF4sd00001100bc02sc00i00"
VIRTIO_CARD = "virtio:d00000001v00001AF4"
VIRTIO_DISK = "virtio:d00000002v00001AF4"


def test_network_cards_come_first() -> None:
    """The lease is waited for while slow disk controllers wake up."""
    assert batch([VIRTIO_DISK, DISK, VIRTIO_CARD, CARD]) == [CARD, VIRTIO_CARD]
    assert batch([VIRTIO_DISK, DISK]) == [DISK, VIRTIO_DISK]
    assert batch([]) == []


def test_a_device_names_its_driver() -> None:
    """Among other things, or not at all."""
    assert aliases("DRIVER=mmcblk\nMMC_TYPE=SD\nMODALIAS=mmc:block\n") == ["mmc:block"]
    assert aliases("DEVTYPE=usb_device\n") == []
