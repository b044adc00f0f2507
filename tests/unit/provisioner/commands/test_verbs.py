"""Every verb asks for a right before it changes anything, and says in the audit log what it changed."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from provisioner.base.errors import ConflictError, ForbiddenError, InvalidError, NotFoundError
from provisioner.commands.appliance import Appliance
from provisioner.commands.host.add import AddHost, add_host
from provisioner.commands.host.adopt import AdoptHost, AdoptHosts, adopt_hosts
from provisioner.commands.host.assign_profile import AssignProfile, assign_profile
from provisioner.commands.host.remove import RemoveHosts, remove_hosts
from provisioner.commands.init_appliance import create, init_appliance
from provisioner.commands.job.cancel import CancelJobs, cancel_jobs
from provisioner.commands.profile.add import AddProfile, add_profile
from provisioner.commands.profile.remove import RemoveProfile, remove_profile
from provisioner.hosts import registry
from provisioner.security.actors import Actor
from provisioner.timeline.audit import AuditEntry, list_audit
from tests.clients.people import ADMIN, OBSERVER

MAC, OTHER, SEEN = "52:54:00:00:00:01", "52-54-00-00-00-02", "52:54:00:00:00:03"
NOW = 1_700_000_000.0
Verb = Callable[[Appliance, Actor], object]


@pytest.fixture(name="appliance")
def appliance_(tmp_path: Path) -> Iterator[Appliance]:
    """An appliance with a host, boot files, and a job in its queue."""
    create(tmp_path)
    for name in ("vmlinuz", "initramfs.img"):
        (tmp_path / "boot" / name).write_bytes(b"x")
    with Appliance(tmp_path, lambda: NOW) as appliance:
        add_host(appliance, ADMIN, AddHost("pc1", (MAC,)))
        assign_profile(appliance, ADMIN, AssignProfile(("pc1",), "inventory"))
        add_profile(appliance, ADMIN, AddProfile("look", 'action = "inventory"'))
        with appliance.database.write() as session:
            registry.observe(session, SEEN, "192.0.2.9", "asked", NOW)
        yield appliance


@dataclass(frozen=True, slots=True)
class Case:
    """A verb, and what the audit log says of it."""

    verb: Verb
    what: str
    detail: str


CASES = [
    Case(
        lambda a, who: add_host(a, who, AddHost("PC2", (OTHER,), ("www",))),
        "host add",
        "pc2 52:54:00:00:00:02",
    ),
    Case(
        lambda a, who: adopt_hosts(a, who, AdoptHosts((AdoptHost(SEEN, "pc2"),))),
        "host adopt",
        "pc2 52:54:00:00:00:03",
    ),
    Case(lambda a, who: remove_hosts(a, who, RemoveHosts(("PC1",))), "host rm", "pc1"),
    Case(
        lambda a, who: assign_profile(a, who, AssignProfile(("PC1",), "inventory")),
        "host set",
        "pc1 inventory (inventory, job 2), in place of job 1 (inventory)",
    ),
    Case(
        lambda a, who: assign_profile(a, who, AssignProfile(("pc1",), "local")),
        "host set",
        "pc1 local, in place of job 1 (inventory)",
    ),
    Case(lambda a, who: cancel_jobs(a, who, CancelJobs((1,))), "job cancel", "1 on pc1"),
    Case(
        lambda a, who: add_profile(a, who, AddProfile("new", 'action = "inventory"')),
        "profile add",
        "new (inventory)",
    ),
    Case(
        lambda a, who: add_profile(a, who, AddProfile("look", 'action = "inventory"', replace=True)),
        "profile replace",
        "look (inventory)",
    ),
    Case(lambda a, who: remove_profile(a, who, RemoveProfile("look")), "profile rm", "look"),
]


@pytest.mark.parametrize("case", CASES, ids=lambda case: f"{case.what} {case.detail}")
def test_a_change_is_in_the_audit_log(appliance: Appliance, case: Case) -> None:
    """Who, what, to which, and when."""
    case.verb(appliance, ADMIN)
    latest = list_audit(appliance.database, 1)[0]
    assert latest == AuditEntry(latest.id, NOW, "test", case.what, case.detail)


@pytest.mark.parametrize("case", CASES, ids=lambda case: f"{case.what} {case.detail}")
def test_without_the_right_nothing_changes(appliance: Appliance, case: Case) -> None:
    """The refusal says who may not do what."""
    before = _state(appliance)
    with pytest.raises(ForbiddenError, match="guest is observer and may not change"):
        case.verb(appliance, OBSERVER)
    assert _state(appliance) == before


@pytest.mark.parametrize(
    ("verb", "error"),
    [
        (lambda a: add_host(a, ADMIN, AddHost("pc1", (OTHER,))), ConflictError),
        (lambda a: adopt_hosts(a, ADMIN, AdoptHosts((AdoptHost(OTHER, "pc2"),))), NotFoundError),
        (
            lambda a: adopt_hosts(
                a, ADMIN, AdoptHosts((AdoptHost(SEEN, "pc2"), AdoptHost(OTHER, "pc3"), AdoptHost(MAC, "pc4")))
            ),
            InvalidError,
        ),
        (lambda a: remove_hosts(a, ADMIN, RemoveHosts(("pc1", "pc9"))), InvalidError),
        (lambda a: assign_profile(a, ADMIN, AssignProfile(("pc1", "pc9"), "look")), InvalidError),
        (lambda a: cancel_jobs(a, ADMIN, CancelJobs((1, 99))), InvalidError),
        (lambda a: remove_hosts(a, ADMIN, RemoveHosts(("pc9",))), NotFoundError),
        (lambda a: cancel_jobs(a, ADMIN, CancelJobs((99,))), NotFoundError),
        (lambda a: assign_profile(a, ADMIN, AssignProfile(("pc1",), "none")), NotFoundError),
        (lambda a: add_profile(a, ADMIN, AddProfile("look", 'action = "inventory"')), ConflictError),
        (lambda a: remove_profile(a, ADMIN, RemoveProfile("local")), ConflictError),
    ],
)
def test_what_fails_leaves_no_entry(
    appliance: Appliance, verb: Callable[[Appliance], object], error: type[Exception]
) -> None:
    """Neither a change without its entry, nor an entry without its change."""
    before = _state(appliance)
    with pytest.raises(error):
        verb(appliance)
    assert _state(appliance) == before


def test_making_an_appliance_is_audited(tmp_path: Path) -> None:
    """The first entry of all."""
    with Appliance(tmp_path / "new", lambda: NOW) as appliance:
        with pytest.raises(ForbiddenError):
            init_appliance(appliance, OBSERVER)
        assert not (tmp_path / "new").exists()
        assert init_appliance(appliance, ADMIN)
        assert [entry.what for entry in list_audit(appliance.database)] == ["init"]


def _state(appliance: Appliance) -> object:
    """Everything that a verb could change."""
    tables = ("hosts", "macs", "aliases", "jobs", "audit")
    with appliance.database.read() as session:
        rows = [
            session.connection().exec_driver_sql(f"SELECT * FROM {table}").all()  # noqa: S608 - a fixed list
            for table in tables
        ]
    return rows, {path.name: path.read_text() for path in appliance.home.profiles.glob("*")}
