"""A netbooted host is captured: the agent's own steps, a real appliance on a real socket, block devices."""

from __future__ import annotations

import os
import random
import secrets
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path

import pytest

from initramfs import messages
from initramfs.agent import trust
from initramfs.agent.actions import plan
from initramfs.agent.actions.backup import Capture
from initramfs.agent.chunks import HttpChunks, HttpSink
from initramfs.agent.errors import AgentError, ServerError
from initramfs.agent.fetch import Appliance, Clock, Conflict
from initramfs.agent.inventory import read_inventory
from initramfs.agent.pipeline import Context, execute
from initramfs.agent.report import Reporter
from initramfs.agent.session import CONTACT
from initramfs.imaging.capture.capture import Facts
from initramfs.imaging.errors import DeviceError
from initramfs.imaging.format.header import Header, Kind
from initramfs.imaging.format.signed import decode
from initramfs.messages import (
    Backup,
    Disk,
    ImageRef,
    Job,
    PartitionImage,
    PartitionName,
    RestorePartitions,
    TakeInventory,
    Work,
)
from provisioner.base import clock
from provisioner.base.home import Home
from provisioner.commands import appliance as commands
from provisioner.commands import init_appliance
from provisioner.commands.image.collect_garbage import collect_garbage
from provisioner.database.engine import open_database
from provisioner.images import operations
from provisioner.images.formats.exports import export_image
from provisioner.images.verify import verify_chunks
from provisioner.security.keys import load_nonce_key, load_private_key, load_public_key
from provisioner.security.nonces import mint
from provisioner.stores.directory.store import DirectoryStore
from tests.clients import people
from tests.clients.http_part import CLONESYS, HttpPart
from tests.images import filesystems
from tests.images.disk import Slot, insert, partition
from tests.images.in_memory import KEY, MIB
from tests.images.swap import PAGE, assert_only_memory_is_gone, swap_file
from tests.lab.command import CommandError, run

pytestmark = [
    pytest.mark.wire,
    pytest.mark.root,
    pytest.mark.skipif(os.geteuid() != 0, reason="loop devices need root"),
]

MAC = "52:54:00:00:00:01"
NAMES = (PartitionName(1, "sda1_Data"), PartitionName(2, "sda2_Noise"))
JOB = Job(0, "keep", Backup(partitions=NAMES, description="as it is"))


@dataclass
class Site:
    """An appliance at work, and what its host's agent knows."""

    home: Path
    http: HttpPart
    attempt: int = 0

    @property
    def store(self) -> DirectoryStore:
        """As the command line sees it."""
        return DirectoryStore(Home(self.home).store)

    def contact(self, job: Job) -> tuple[Appliance, Job]:
        """Queue a job for the host and let its agent fetch it."""
        database = open_database(self.home)
        try:
            people.queue_job(database, "pc1", job, now=time.time())
        finally:
            database.close()
        return self.admitted()

    def admitted(self) -> tuple[Appliance, Job]:
        """An agent that has said hello."""
        talk = Appliance(self.http.url, Clock(time.monotonic, time.sleep), patience=30)
        nonce = mint(load_nonce_key(self.home), MAC, clock.now(), secrets.token_bytes(16))
        hello = messages.Contact(
            nonce, "c", "0.1.0", MAC, read_inventory(), trust.public_half(KEY), messages.PROTOCOL
        )
        answer = messages.decode(messages.Signed, talk.contact(CONTACT, nonce, messages.encode(hello)))
        given = messages.decode(messages.Assignment, answer.parts()[0])
        assert given.job
        talk.token, self.attempt = given.token, given.attempt
        return talk, given.job

    def finish(self, talk: Appliance, job: Job, result: messages.Result) -> None:
        """The agent's last word, signed."""
        signed = trust.sign(messages.Statement("pc1", job.id, self.attempt, result), KEY)
        talk.post(f"/api/v1/agent/jobs/{job.id}/result", messages.encode(signed))
        talk.close_all()


@pytest.fixture
def site(tmp_path: Path) -> Iterator[Site]:
    """An appliance with one host."""
    home = tmp_path / "home"
    init_appliance.create(home)
    database = open_database(home)
    people.add_host(database, "pc1", [MAC], now=time.time())
    database.close()
    with HttpPart(home) as http:
        yield Site(home, http)


@pytest.fixture
def disk(tmp_path: Path) -> Path:
    """A disk with an ext4 and a partition of noise, as a file."""
    path, part = tmp_path / "disk", tmp_path / "part"
    starts = partition(path, 48, "label: dos", (Slot(1, 24, "83"), Slot(2, 16, "83")))
    tree = tmp_path / "tree"
    tree.mkdir()
    (tree / "file").write_bytes(random.Random(1).randbytes(3 * MIB))
    filesystems.ext4(part, 24, "0b1f2f6a-3c8e-4b5e-9d53-0f5d2b7c1a11", tree)
    insert(path, starts[1], part)
    with path.open("r+b") as file:
        file.seek(starts[2] * 512)
        file.write(random.Random(2).randbytes(16 * MIB))
    return path


@contextmanager
def attached(path: Path) -> Iterator[Disk]:
    """The disk as the agent's inventory would name it."""
    device = Path(run("losetup", "--find", "--show", path).strip())
    try:
        yield Disk(device.name, path.stat().st_size, 512, 512, serial="GOLD")
    finally:
        run("losetup", "--detach", device)


def work(talk: Appliance, job: Job, disk: Disk) -> messages.Receipt | None:
    """Everything between contact and result, as the agent does it."""
    seen = replace(read_inventory(), disks=(disk,))
    context = Context(talk, KEY.public_key())
    execute(plan(job, seen).steps, context, Reporter((), now=time.time))
    return context.receipt


def restored(site: Site, name: str, target: Path) -> bytes:
    """What an image gives back."""
    key = load_public_key(site.home)
    image = operations.load(site.store, site.store.resolve(name), key)
    export_image(image, site.store, target)
    return target.read_bytes()


def test_a_backup_is_the_disk_again(site: Site, disk: Path, tmp_path: Path) -> None:
    """Captured on the host, signed by the appliance, restored on the command line; with a receipt."""
    with attached(disk) as source:
        talk, job = site.contact(JOB)
        receipt = work(talk, job, source)
    site.finish(talk, job, messages.Result(ok=True, receipt=receipt))
    assert receipt
    assert [(made.name, made.generation) for made in receipt.images] == [("sda1_Data", 1), ("sda2_Noise", 1)]
    assert restored(site, "sda2_Noise", tmp_path / "noise") == disk.read_bytes()[25 * MIB : 41 * MIB]
    restored(site, "sda1_Data", tmp_path / "data")
    run("e2fsck", "-fn", tmp_path / "data")
    header = operations.load(site.store, site.store.resolve("sda1_Data"), load_public_key(site.home)).header
    assert (header.description, header.user) == ("as it is", f"job {job.id}")
    assert header.origin.startswith("pc1:loop")
    assert verify_chunks(site.store, list(operations.everything(site.store, load_public_key(site.home)))).ok


def test_a_second_backup_sends_only_what_changed(site: Site, disk: Path) -> None:
    """Here one byte: one chunk of the noise."""
    with attached(disk) as source:
        talk, job = site.contact(JOB)
        work(talk, job, source)
        site.finish(talk, job, messages.Result(ok=True))
    before = set(site.store.chunks())
    with disk.open("r+b") as file:
        file.seek(30 * MIB)
        file.write(b"changed")
    with attached(disk) as source:
        talk, job = site.contact(JOB)
        work(talk, job, source)
        site.finish(talk, job, messages.Result(ok=True))
    assert len(set(site.store.chunks()) - before) == 1
    assert site.store.generations("sda2_Noise") == [1, 2]


def test_a_damaged_generation_does_not_stop_a_backup(site: Site, disk: Path) -> None:
    """It is not the image that is handed over, whatever it was: the next number is free."""
    damaged = site.store.places.manifest("sda1_Data", 1)
    damaged.parent.mkdir(parents=True)
    damaged.write_bytes(b"damaged")
    with attached(disk) as source:
        talk, job = site.contact(JOB)
        work(talk, job, source)
    site.finish(talk, job, messages.Result(ok=True))
    operations.load(site.store, site.store.resolve("sda1_Data@2"), load_public_key(site.home))


def test_an_image_of_the_whole_disk_can_have_empty_partitions(site: Site, disk: Path) -> None:
    """As CloneSys' InitClone: zeros for what other images fill."""
    wanted = replace(JOB, work=Backup(disk_image="sda_Init", empty=(2,)))
    with attached(disk) as source:
        talk, job = site.contact(wanted)
        work(talk, job, source)
    site.finish(talk, job, messages.Result(ok=True))
    image = operations.load(site.store, site.store.resolve("sda_Init"), load_public_key(site.home))
    assert image.header.label
    assert sum(item.length for item in image.index if any(item.digest)) < 12 * MIB


def test_a_backup_can_leave_out_what_lies_in_no_partition(site: Site, disk: Path) -> None:
    """Without the wish it is kept, and the image says how much it is."""
    with disk.open("r+b") as file:
        file.seek(41 * MIB)
        file.write(random.Random(5).randbytes(7 * MIB))
    for only in (False, True):
        with attached(disk) as source:
            talk, job = site.contact(replace(JOB, work=Backup(disk_image="sda_Init", only_partitions=only)))
            work(talk, job, source)
        site.finish(talk, job, messages.Result(ok=True))
    key = load_public_key(site.home)
    kept, left = (operations.load(site.store, site.store.resolve(f"sda_Init@{n}"), key) for n in (1, 2))
    (warning,) = kept.header.warnings
    assert warning.startswith("7 MiB that are not zero lie in no partition, and are kept")
    assert max(item.end for item in left.index) == 41 * MIB


def test_a_backup_can_do_without_swap_files(site: Site, disk: Path, tmp_path: Path) -> None:
    """As the job says; the image tells which."""
    swap_file(tmp_path / "tree/swapfile", 4 * MIB)
    filesystems.ext4(tmp_path / "part", 24, "0b1f2f6a-3c8e-4b5e-9d53-0f5d2b7c1a11", tmp_path / "tree")
    insert(disk, 2048, tmp_path / "part")
    images = []
    for without_swap in (False, True):
        wanted = replace(JOB, work=Backup(partitions=NAMES[:1], without_swap=without_swap))
        with attached(disk) as source:
            talk, job = site.contact(wanted)
            work(talk, job, source)
        site.finish(talk, job, messages.Result(ok=True))
        images.append(
            operations.load(site.store, site.store.resolve("sda1_Data"), load_public_key(site.home)).header
        )
    full, lean = images
    assert not full.warnings
    assert lean.warnings == ("ext4 at byte 1048576: /swapfile left out, 4 MiB",)
    assert full.filesystems[0].used - lean.filesystems[0].used == 4 * MIB - PAGE
    restored(site, "sda1_Data@1", tmp_path / "full")
    restored(site, "sda1_Data@2", tmp_path / "lean")
    assert assert_only_memory_is_gone(tmp_path / "full", tmp_path / "lean") == (4 * MIB - PAGE) // 512


def test_a_server_that_restarts_in_the_middle_is_waited_for(site: Site, disk: Path) -> None:
    """The agent goes on by itself."""
    talk, job = site.contact(replace(JOB, work=Backup(partitions=NAMES[1:])))
    waits = threading.Event()
    talk.waiting = lambda _reason: waits.set()
    assert site.http.stop() == 0, site.http.tail()
    with attached(disk) as source:
        agent = threading.Thread(target=work, args=(talk, job, source))
        agent.start()
        assert waits.wait(30)
        site.http.start()
        agent.join()
    site.finish(talk, job, messages.Result(ok=True))
    assert site.store.generations("sda2_Noise") == [1]


def test_an_interrupted_upload_goes_on_where_it_was(site: Site, disk: Path) -> None:
    """The host is switched off in the middle; the next attempt of the same job sends only the rest."""
    talk, job = site.contact(replace(JOB, work=Backup(partitions=NAMES[1:])))
    with attached(disk) as source:
        step = Capture(source, 2, "sda2_Noise", Backup())

        class SwitchedOffError(AgentError):
            """The power is gone."""

        class Cut(Appliance):
            """An appliance that hears nothing after five chunks."""

            heard = 0

            def put(self, path: str, body: bytes) -> None:
                """See Appliance."""
                Cut.heard += 1
                if Cut.heard > 5:
                    raise SwitchedOffError("cut")
                super().put(path, body)

        cut = Cut(talk.url, talk.clock, token=talk.token)
        with pytest.raises(SwitchedOffError):
            execute([step], Context(cut, KEY.public_key()), Reporter((), now=time.time))
        cut.close_all()
        assert site.store.names() == []
        with commands.Appliance(site.home, now=lambda: 2e10) as appliance:
            collect_garbage(appliance, people.ADMIN)
        arrived = len([p for p in site.store.places.uploads.glob("*/*") if len(p.name) == 64])
        assert arrived == 5
        talk.close_all()
        talk, job = site.admitted()
        said: list[str] = []
        reporter = Reporter((lambda report: said.append(report.detail),), now=time.time)
        execute([step], Context(talk, KEY.public_key()), reporter)
    site.finish(talk, job, messages.Result(ok=True))
    assert any("11 of 16 chunks sent" in line for line in said)


def test_what_is_mounted_is_not_captured(site: Site, disk: Path, tmp_path: Path) -> None:
    """With the mount point as the reason; nothing is sent."""
    point = tmp_path / "point"
    point.mkdir()
    talk, job = site.contact(JOB)
    run("mount", "-o", "ro,loop,offset=1048576", disk, point)
    try:
        device = Path(run("findmnt", "--noheadings", "--output", "SOURCE", point).strip())
        source = Disk(device.name, 24 * MIB, 512, 512)
        with pytest.raises(DeviceError, match="is mounted on"):
            work(talk, job, source)
    finally:
        run("umount", point)
    site.finish(talk, job, messages.Result(ok=False))
    assert site.store.names() == []


def test_a_queued_job_keeps_its_image(site: Site, disk: Path) -> None:
    """The command refuses to remove it. Were it gone by another way: the agent gets manifest and chunks."""
    clonesys(site, "image", "capture", str(disk), "sda2_Noise", "--partition", "2")
    made = site.store.resolve("sda2_Noise")
    ref = ImageRef(made.name, made.generation, made.digest)
    talk, job = site.contact(Job(0, "class", RestorePartitions((PartitionImage(2, ref),))))
    with pytest.raises(CommandError, match="sda2_Noise@1 is needed by job 1 on pc1, which is running"):
        clonesys(site, "image", "rm", "sda2_Noise", "--yes")
    site.store.remove(made)
    assert site.store.names() == []
    assert '"chunks": 0' in clonesys(site, "image", "gc", "--json")
    image = decode(talk.get(f"/api/v1/agent/manifests/{made.digest.hex()}"), load_public_key(site.home))
    assert len(image.index) == 16
    assert all(HttpChunks(talk).fetch(item.digest) for item in image.index)
    site.finish(talk, job, messages.Result(ok=False))
    assert '"chunks": 16' in clonesys(site, "image", "gc", "--json")


def test_sweeps_beside_captures_take_nothing_that_is_needed(site: Site, tmp_path: Path) -> None:
    """Four captures of changing content, two and two the same; old generations go; sweeps all the time."""
    key, done = load_private_key(site.home), threading.Event()
    swept: list[int] = []

    def sweep() -> None:
        with commands.Appliance(site.home) as appliance:
            while not done.is_set():
                swept.append(collect_garbage(appliance, people.ADMIN).chunks)

    def capture(number: int) -> None:
        rng, path, name = random.Random(number % 2), tmp_path / f"raw{number}", f"sda{number}_Noise"
        for _ in range(6):
            path.write_bytes(rng.randbytes(4 * MIB))
            operations.add_image(site.store, key, path, Facts(name), operations.Options())
            for old in site.store.generations(name)[:-1]:
                site.store.remove(site.store.resolve(f"{name}@{old}"))

    captures = [threading.Thread(target=capture, args=(number,)) for number in range(1, 5)]
    sweeper = threading.Thread(target=sweep)
    for thread in (sweeper, *captures):
        thread.start()
    for thread in captures:
        thread.join()
    done.set()
    sweeper.join()
    left = list(operations.everything(site.store, key.public_key()))
    assert len(left) == 4
    assert verify_chunks(site.store, left).ok
    assert sum(swept) > 0


def clonesys(site: Site, *words: str) -> str:
    """One command."""
    return run(CLONESYS, "--home", site.home, *words)


@pytest.mark.parametrize("other", [RestorePartitions(()), TakeInventory()])
def test_only_a_backup_may_send(site: Site, other: Work) -> None:
    """The token of another job is no key to the store."""
    talk, job = site.contact(replace(JOB, work=other))
    with pytest.raises(ServerError, match="403"):
        HttpSink(talk).has([bytes(32)])
    with pytest.raises(ServerError, match="403"):
        HttpSink(talk).put(bytes(32), b"x")
    site.finish(talk, job, messages.Result(ok=False))


def test_only_whole_chunks_and_named_images_are_taken(site: Site) -> None:
    """Garbage, another chunk's content, and images that the job does not name are refused at once."""
    talk, job = site.contact(JOB)
    for data in (b"garbage", b""):
        with pytest.raises(ServerError, match="400"):
            HttpSink(talk).put(bytes(32), data)
    with pytest.raises(ServerError, match="400"):
        talk.post("/api/v1/agent/images", b"CLSYIMG1")
    with pytest.raises(ServerError, match="413"):
        HttpSink(talk).put(bytes(32), bytes(5 * MIB))
    assert list(site.store.chunks()) == []
    site.finish(talk, job, messages.Result(ok=False))


def test_an_image_of_another_kind_is_refused(site: Site) -> None:
    """In words, and for good: an agent that captured again would only be refused again."""
    part = Header("golden", 1, Kind.PARTITION, 512, 8 * MIB, MIB)
    talk, job = site.contact(replace(JOB, work=Backup(disk_image="golden")))
    HttpSink(talk).hand_over(part, [])
    with pytest.raises(ServerError, match="golden is the image of a partition, and this is a disk") as caught:
        HttpSink(talk).hand_over(replace(part, kind=Kind.DISK), [])
    assert not isinstance(caught.value, Conflict)
    assert site.store.generations("golden") == [1]
    site.finish(talk, job, messages.Result(ok=False))


def test_a_full_disk_is_told_at_once(tmp_path: Path, disk: Path) -> None:
    """The agent does not wait for room that will not come; old generations stay whole."""
    small = tmp_path / "small"
    small.mkdir()
    run("mount", "-t", "tmpfs", "-o", "size=12m", "tmpfs", small)
    try:
        home = small / "home"
        init_appliance.create(home)
        database = open_database(home)
        people.add_host(database, "pc1", [MAC], now=time.time())
        database.close()
        with HttpPart(home) as http, attached(disk) as source:
            site = Site(home, http)
            talk, job = site.contact(replace(JOB, work=Backup(partitions=NAMES[:1])))
            work(talk, job, source)
            site.finish(talk, job, messages.Result(ok=True))
            talk, job = site.contact(replace(JOB, work=Backup(partitions=NAMES[1:])))
            with pytest.raises(ServerError, match="no space left"):
                work(talk, job, source)
            talk.close_all()
        assert site.store.names() == ["sda1_Data"]
        assert verify_chunks(site.store, list(operations.everything(site.store, load_public_key(home)))).ok
    finally:
        run("umount", small)
