"""The agent in a virtual machine of the lab, from its network boot on: how fast it writes a virtio disk.

The same guest then says what dd writes there, and what its processors do without any disk.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from initramfs.messages import Firmware
from tests.bench import debian, in_guest
from tests.bench.measure import Sample, seconds
from tests.bench.report import Row, Verdict, at_least
from tests.bench.world import World
from tests.images import filesystems
from tests.images.disk import Slot, insert, partition
from tests.images.golden import Golden
from tests.lab.lab import Lab
from tests.lab.machines.accelerator import TCG, accelerator
from tests.lab.machines.machine import Machine

MIB = 1 << 20
SIZE = 192
"""MiB of the image. The proof of more would begin during the writing, and the two could not be told apart."""
ROOM = 256
"""MiB of the machine's disk."""
PROFILE = """\
action = "initinstall"
then = "shell"

[images]
disk = "sda_Bench"

[boot]
loader = "ignore"
"""
EMULATED = "The guest's processors are emulated (no KVM here): tens of times slower. Its disk is not."
SHELL = "clonesys:~# "
WRITE, PROOF, WHOLE = "the agent's write step", "the agent's proof", "the agent's whole job"
DD, FETCH = "dd oflag=direct", "fetching alone"
UNPACK, HASH = "unpacking alone (decompress, SHA-256)", "SHA-256 alone"


def agent(world: World) -> Row:
    """Bytes a second onto a virtio disk, beside dd there."""
    jobs, rates = [], []
    world.say("making the lab: its initramfs takes a few minutes the first time")
    with Lab(world.work / "lab") as lab:
        lab.appliance.capture(_disk(world.work))
        lab.appliance.add_profile("bench", PROFILE)
        machine = lab.bare_machine("bench", Firmware.BIOS, 1, size=ROOM)
        lab.appliance.add_host(machine.name, machine.mac)
        for turn in range(world.runs):
            jobs.append(_restore(lab, machine))
            rates.append(_alone(machine, jobs[-1]["bytes_written"]))
            machine.power_cut()
            filesystems.blank(machine.disks[0], ROOM)
            world.say(f"  {turn + 1}/{world.runs} {jobs[-1]['seconds']} {rates[-1]}")
    return _row(jobs, rates)


def _disk(folder: Path) -> Golden:
    """A disk full of what a Debian consists of: no zeros, no file system, all of it in use."""
    disk, content = folder / "bench.img", folder / "content"
    starts = partition(disk, SIZE + 1, "label: dos", (Slot(1, SIZE, "83"),))
    with debian.archive().open("rb") as archive:
        content.write_bytes(archive.read(SIZE * MIB))
    insert(disk, starts[1], content)
    return Golden(Firmware.BIOS, disk, "sda_Bench", {}, root=1)


def _restore(lab: Lab, machine: Machine) -> dict[str, Any]:
    """From power-on to the shell that follows the job; its receipt."""
    lab.appliance.assign(machine.name, "bench")
    machine.power_on()
    machine.expect("Press Enter for a shell", 400)
    job = lab.appliance.get(f"hosts/{machine.name}")["job"]
    if job["state"] != "succeeded":
        raise RuntimeError(f"the agent in the machine failed: {job['error']}")
    receipt: dict[str, Any] = job["receipt"]
    return receipt


def _alone(machine: Machine, size: int) -> dict[str, Any]:
    """What ``in_guest`` finds, typed into the machine's shell; ``size`` in bytes."""
    machine.type("\n")
    machine.expect(SHELL, 60)
    machine.type("echo go o''n; cat > measure.py\n")
    machine.expect("go on", 60)  # what is typed before the shell lets go of the line is lost
    machine.type(Path(in_guest.__file__).read_text() + "\x04")
    machine.type(f"python3 measure.py /dev/vda {size // MIB * MIB}\n")
    found: dict[str, Any] = json.loads(machine.expect(r'measured: (\{".*\})', 200).match[1])
    return found


def _row(jobs: list[dict[str, Any]], rates: list[dict[str, Any]]) -> Row:
    size = jobs[0]["bytes_written"]
    samples = {
        WRITE: [_took(job["seconds"]["write"]) for job in jobs],
        PROOF: [_took(job["seconds"]["verify"]) for job in jobs],
        WHOLE: [_took(sum(job["seconds"].values())) for job in jobs],
        DD: [_took(size / rate) for found in rates for rate in found["dd"]],
        FETCH: [_took(size / found["fetch"]) for found in rates],
        UNPACK: [_took(size / found["unpack"]) for found in rates],
        HASH: [_took(size / found["hash"]) for found in rates],
    }
    took = {name: seconds(runs) for name, runs in samples.items()}
    least = took[FETCH] + took[UNPACK]
    return Row(
        "agent",
        f"the agent in QEMU, virtio disk, {size // MIB} MiB",
        samples,
        (
            at_least("disk bytes a second beside dd oflag=direct", took[DD] / took[WRITE], 0.8),
            Verdict("MB a second, the agent's write", f"{size / took[WRITE] / 1e6:.0f}"),
            Verdict("MB a second, dd", f"{size / took[DD] / 1e6:.0f}"),
            Verdict("MB a second, fetching and unpacking alone", f"{size / least / 1e6:.0f}"),
            Verdict("time beside fetching and unpacking alone", f"{took[WRITE] / least:.2f} ×"),
        ),
        (
            EMULATED if accelerator() == TCG else "The guest's processors are this machine's (KVM).",
            f"They {'have' if rates[0]['sha_ni'] else 'lack'} instructions for SHA-256 (sha_ni).",
            "dd needs no processor. A restore fetches, unpacks and hashes all that it writes: its limit too.",
            "Alone: by the engine's own threads, into memory; the disk is not written meanwhile.",
            "Write and dd end with the disk's flush; the disk is a sparse file, blank before each run.",
            "Seconds are the guest's; its processor time and memory were not measured.",
        ),
    )


def _took(time: float) -> Sample:
    return Sample(time, 0, 0)
