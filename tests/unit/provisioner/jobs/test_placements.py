"""Which disks carry what: by the latest receipts, and only what was proved."""

from __future__ import annotations

import json
from dataclasses import replace

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from initramfs.messages import WHOLE_DISK, ImageRef, Place, ProvedImage, Receipt, Signed
from provisioner.base.errors import ProvisionerError
from provisioner.jobs.placements import StoredReceipt, open_signed, placements, sign

KEY = Ed25519PrivateKey.from_private_bytes(bytes(range(32)))


def ref(name: str, generation: int = 1) -> ImageRef:
    """An image."""
    return ImageRef(name, generation, generation.to_bytes(32, "big"))


GOLDEN, DEBIAN, NEWER = ref("sda_Golden"), ref("sda5_Debian"), ref("sda5_Debian", 2)


def kept(
    job: int, *images: tuple[Place, ImageRef], host: str = "pc1", wwn: str = "", serial: str = "D1"
) -> StoredReceipt:
    """A job's receipt for these partitions' images."""
    carried = tuple(ProvedImage(number, image, 3, 3) for number, image in images)
    receipt = Receipt("sda", serial, wwn, tuple(i for _, i in images), 3, 3, 100, 200, carried=carried)
    return StoredReceipt(host, "52:54:00:00:00:01", job, 1, 1000.0 + job, receipt)


def found(
    *receipts: StoredReceipt, written: dict[str, int] | None = None
) -> list[tuple[str, Place, str, int]]:
    """Host, partition, image, generation."""
    return [(c.host, c.partition, c.image, c.generation) for c in placements(receipts, written or {})]


def test_a_disk_carries_what_was_laid_onto_it() -> None:
    """The disk's own image, and those of its partitions."""
    receipt = kept(1, (WHOLE_DISK, GOLDEN), (5, DEBIAN))
    assert found(receipt) == [("pc1", WHOLE_DISK, "sda_Golden", 1), ("pc1", 5, "sda5_Debian", 1)]
    assert placements([receipt], {})[0].replaced == (5,)


def test_a_later_partition_supersedes_the_one_before() -> None:
    """And only that."""
    receipts = kept(1, (WHOLE_DISK, GOLDEN), (5, DEBIAN), (6, DEBIAN)), kept(2, (5, NEWER))
    assert found(*receipts) == [
        ("pc1", WHOLE_DISK, "sda_Golden", 1), ("pc1", 5, "sda5_Debian", 2), ("pc1", 6, "sda5_Debian", 1)
    ]  # fmt: skip


def test_a_later_disk_supersedes_everything() -> None:
    """Its table and its partitions are new."""
    assert found(kept(1, (WHOLE_DISK, GOLDEN), (5, DEBIAN)), kept(2, (WHOLE_DISK, GOLDEN))) == [
        ("pc1", WHOLE_DISK, "sda_Golden", 1)
    ]


def test_hosts_with_equal_serials_are_two_disks() -> None:
    """As virtual machines have them; a WWN is one disk wherever it is."""
    assert len(found(kept(1, (WHOLE_DISK, GOLDEN)), kept(2, (WHOLE_DISK, GOLDEN), host="pc2"))) == 2
    moved = kept(1, (WHOLE_DISK, GOLDEN), wwn="w1"), kept(2, (5, DEBIAN), wwn="w1", host="pc2")
    assert found(*moved) == [("pc2", WHOLE_DISK, "sda_Golden", 1), ("pc2", 5, "sda5_Debian", 1)]


def test_a_disk_that_was_written_to_since_proves_nothing() -> None:
    """Until the next receipt."""
    assert found(kept(1, (WHOLE_DISK, GOLDEN)), written={"pc1": 2}) == []
    assert found(kept(1, (WHOLE_DISK, GOLDEN)), kept(3, (WHOLE_DISK, GOLDEN)), written={"pc1": 2}) == [
        ("pc1", WHOLE_DISK, "sda_Golden", 1)
    ]


def test_only_the_appliances_signature_counts() -> None:
    """A receipt comes back as it was signed; changed, or signed by another, it is refused."""
    receipt = kept(1, (WHOLE_DISK, GOLDEN))
    signed = sign(receipt, KEY)
    assert open_signed(signed, KEY.public_key()) == receipt
    other = sign(replace(receipt, host="pc2"), KEY)
    for wrong in (replace(signed, payload=other.payload), replace(signed, signature="no")):
        with pytest.raises(ProvisionerError, match="not as this appliance has signed it"):
            open_signed(wrong, KEY.public_key())
    with pytest.raises(ProvisionerError):
        open_signed(signed, Ed25519PrivateKey.generate().public_key())
    assert json.loads(signed.parts()[0])["host"] == "pc1"


def test_a_receipt_without_the_hosts_signature_is_readable() -> None:
    """As earlier versions kept them, byte by byte; the disk says that the appliance alone has signed."""
    old = (
        b'{"attempt":1,"host":"pc1","job":4,"mac":"52:54:00:00:00:01","received":5.0,"receipt":{"carried":'
        b'[{"image":{"digest":"ab","generation":1,"name":"sda_Golden"},"number":0}],"chunks_total":3,'
        b'"chunks_verified":3,"bytes_fetched":1,"bytes_written":2,"disk_name":"sda","disk_serial":"D1",'
        b'"disk_wwn":"","images":[]}}'
    )
    opened = open_signed(Signed.of(old, KEY.sign(old)), KEY.public_key())
    assert (opened.host_key, opened.statement) == ("", None)
    (placement,) = placements([opened], {})
    assert (placement.image, placement.partition, placement.host_key) == ("sda_Golden", WHOLE_DISK, "")
