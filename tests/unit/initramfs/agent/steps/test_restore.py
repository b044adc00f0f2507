"""The phases of a restore as steps of a job."""

import random
import threading
from pathlib import Path

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from initramfs.agent.fetch import Appliance, Clock
from initramfs.agent.pipeline import Context, execute
from initramfs.agent.report import Outbox, Reporter
from initramfs.agent.steps.restore import Prepare, Scan
from initramfs.imaging.device.device import Device
from initramfs.imaging.restore.restore import Restore
from initramfs.messages import FIRST_WRITE, Reports, StepState
from tests.images.in_memory import MIB, Recording, capture_file, lay

FIRST = (FIRST_WRITE, StepState.STARTED)


class Watched(Recording):
    """Tells when it is first changed."""

    def __init__(self, device: Device, changed: threading.Event) -> None:
        super().__init__(device)
        self.changed = changed

    def write(self, data: memoryview, offset: int) -> None:
        """See Target."""
        self.changed.set()
        super().write(data, offset)


def test_the_appliance_knows_of_the_first_write_before_it_is_made(tmp_path: Path) -> None:
    """It believes what a receipt says of a disk until it hears this: a power cut may follow at once."""
    (tmp_path / "source").write_bytes(random.Random(1).randbytes(4 * MIB))
    image = capture_file(tmp_path / "source")
    changed, changed_before = threading.Event(), list[bool]()

    def send(batch: Reports) -> None:
        if FIRST in [(report.step, report.state) for report in batch.reports]:
            changed_before.append(changed.wait(0.5))  # all the time that a disk could want

    outbox = Outbox(send)
    reporter = Reporter((outbox.put,), now=lambda: 0.0)
    key = Ed25519PrivateKey.from_private_bytes(bytes(32)).public_key()
    appliance = Appliance("http://127.0.0.1:9", Clock(lambda: 0.0, lambda _seconds: None))
    context = Context(appliance, key, wait_until_told=outbox.drain)
    with Device.create(tmp_path / "target", 4 * MIB) as device:
        context.leave(Restore(lay(image.manifest, device.size), image.chunks, Watched(device, changed)))
        execute([Scan("sda"), Prepare("sda")], context, reporter)
    outbox.close()
    assert changed_before == [False]
    assert changed.is_set()
