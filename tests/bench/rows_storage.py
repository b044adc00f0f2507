"""What many generations, and many hosts' own copies, cost on the server. Bytes, not seconds."""

from __future__ import annotations

import secrets
from pathlib import Path

from initramfs.agent.steps.host_files import changes
from initramfs.agent.steps.personalise import apply, read_hosts
from initramfs.imaging.device.mounting import mounted_part
from initramfs.imaging.label.model import Bounds
from initramfs.messages import Personalisation
from tests.bench import debian, disks
from tests.bench.appliance import Appliance
from tests.bench.report import Row, Verdict, at_most
from tests.bench.world import World
from tests.lab.command import run

HOSTS = 24
AIM = 1.5


def generations(world: World) -> Row:
    """Twelve generations, each with real package changes."""
    appliance, image = Appliance(world.work / "generations"), world.work / "generation.img"
    disks.copy(world.first, image)
    sizes = [_capture(appliance, image)]
    notes = []
    for number, change in enumerate(debian.CHANGES, 1):
        world.change(image, number)
        sizes.append(_capture(appliance, image))
        added = sizes[-1] - sizes[-2]
        notes.append(f"{number + 1}: {change.title}: {added / (1 << 20):.1f} MiB")
        world.say(f"  {notes[-1]}")
    image.unlink()
    return _row("generations", f"{len(sizes)} generations of one system", sizes, tuple(notes))


def hosts(world: World) -> Row:
    """Twenty-four hosts' own copies of one image: names, keys and identities of their own."""
    appliance, image = Appliance(world.work / "hosts"), world.work / "host.img"
    disks.copy(world.first, image)
    sizes = [_capture(appliance, image)]
    for number in range(1, HOSTS + 1):
        if number > 1:
            appliance.restore("sda5_Debian@1", image, "--delta")
        _personalise(image, f"rifpc{number}")
        sizes.append(_capture(appliance, image))
    world.say(f"  {HOSTS} hosts: {(sizes[-1] - sizes[0]) / HOSTS / (1 << 20):.1f} MiB each")
    image.unlink()
    note = (
        "Each is restored, personalised by the agent's own code, given a machine id and SSH host keys, "
        "and captured as a generation."
    )
    return _row("hosts", f"an image and {HOSTS} hosts' own copies of it", sizes, (note,))


def _row(name: str, title: str, sizes: list[int], notes: tuple[str, ...]) -> Row:
    ratio = sizes[-1] / sizes[0]
    verdicts = (
        at_most("store beside the first alone", ratio, 2),
        Verdict("the same, as an aim", f"{ratio:.2f} ×", f"{AIM} ×", ratio <= AIM),
        Verdict("the first", f"{sizes[0] >> 20} MiB"),
        Verdict("all", f"{sizes[-1] >> 20} MiB"),
    )
    return Row(name, title, {}, verdicts, notes)


def _capture(appliance: Appliance, image: Path) -> int:
    appliance.capture(image)
    return appliance.size


def _personalise(image: Path, name: str) -> None:
    wanted = Personalisation(
        5, name, "lab.example", "http://192.0.2.1:8080/api/v1/phone-home", secrets.token_urlsafe()
    )
    with mounted_part(image, Bounds(0, image.stat().st_size)) as root:
        apply(changes(wanted, read_hosts(root)), root)
        (root / "etc" / "machine-id").write_text(f"{secrets.token_hex(16)}\n")
        for key in root.glob("etc/ssh/ssh_host_*"):
            key.unlink()
        run("chroot", root, "ssh-keygen", "-A")
