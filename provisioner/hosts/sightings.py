"""What the network services saw of machines: into the timeline, and as each machine's last sign of life."""

from __future__ import annotations

from collections.abc import Iterable

from sqlalchemy.orm import Session

from netboot.events import Event
from provisioner.database.engine import Database
from provisioner.hosts.registry import find_by_mac, observe
from provisioner.timeline import events


def record(database: Database, seen: Iterable[Event]) -> None:
    """Take a batch of sightings, in one transaction."""
    with database.write() as session:
        for event in seen:
            mac, address = event.mac or "", event.address or ""
            events.note(session, event.kind.value, mac, event.detail, event.at, address=address)
            if mac:
                _last_sign(session, mac, address, event.detail, event.at)


def _last_sign(session: Session, mac: str, address: str, detail: str, now: float) -> None:
    host = find_by_mac(session, mac)
    if host is None:
        observe(session, mac, address, detail, now)
    else:
        host.last_seen, host.address = now, address or host.address
