"""One job on one machine whose disks are loop devices, with an appliance that is only files."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

from initramfs.agent.actions import plan
from initramfs.agent.fetch import Appliance as Server
from initramfs.agent.fetch import Clock
from initramfs.agent.pipeline import Context, execute
from initramfs.agent.report import Reporter
from initramfs.messages import Disk, Firmware, ImageRef, Inventory, Job, Report, StepState, System
from provisioner.security.keys import load_public_key
from tests.images import content
from tests.images.image_command import Appliance
from tests.lab.command import run


@contextmanager
def serving(appliance: Appliance, digest: str, manifest: Path) -> Iterator[str]:
    """Chunks and one manifest, as the appliance serves them; the URL."""
    folder = appliance.home / "api/v1/agent/manifests"
    folder.mkdir(parents=True)
    (folder / digest).symlink_to(manifest)

    class Quiet(SimpleHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def log_message(self, *_: object) -> None:
            """Nothing."""

    handler = partial(Quiet, directory=str(appliance.home))
    with ThreadingHTTPServer(("127.0.0.1", 0), handler) as http:
        http.daemon_threads = True
        thread = threading.Thread(target=http.serve_forever)
        thread.start()
        yield f"http://127.0.0.1:{http.server_port}"
        http.shutdown()
        thread.join()


def disk(device: Path, serial: str) -> Disk:
    """A loop device as the inventory would show a disk."""
    return Disk(device.name, int(run("blockdev", "--getsize64", device)), 512, 512, serial=serial)


class Machine:
    """One job on one machine with a disk or two, with an appliance that is only files."""

    def __init__(self, url: str, appliance: Appliance, target: Path, *others: Path) -> None:
        self.url = url
        self.key, self.said = load_public_key(appliance.home), list[Report]()
        disks = (disk(target, "TARGET"), *(disk(other, "OTHER") for other in others))
        self.seen = Inventory(System(), Firmware.BIOS, "cpu", 2, 1 << 30, disks, ())

    def run(self, job: Job) -> None:
        """Plan and do it. Raises what a step raises."""
        server = Server(self.url, Clock(time.monotonic, time.sleep))
        reporter = Reporter((self.said.append,), now=time.time)
        try:
            execute(plan(job, self.seen).steps, Context(server, self.key), reporter)
        finally:
            server.close_all()

    @property
    def lines(self) -> list[str]:
        """What the steps have logged."""
        return [report.detail for report in self.said if report.state is StepState.LOG]


@contextmanager
def machine(appliance: Appliance, image: str, target: Path) -> Iterator[tuple[Machine, ImageRef]]:
    """A machine whose disk is the file ``target``, before an appliance that has this ``image``."""
    reference = appliance.store.resolve(image)
    manifest = appliance.home / f"store/manifests/{image}/{reference.generation}"
    with serving(appliance, reference.digest.hex(), manifest) as url, content.loop(target) as device:
        yield Machine(url, appliance, device), ImageRef(image, reference.generation, reference.digest)
