"""``clonesys host``: who the machines are, and what they do at their next network boot."""

from __future__ import annotations

import time
from typing import Annotated

import typer

from provisioner.cli.context import of
from provisioner.cli.output import AsJson, clock, print_facts, print_json, say
from provisioner.cli.table import print_table
from provisioner.cli.words import job_line
from provisioner.commands.assign_profile import set_profile
from provisioner.hosts import registry
from provisioner.hosts.names import parse_mac, parse_name, parse_uuid
from provisioner.jobs.progress import human_bytes
from provisioner.jobs.views import HostView

app = typer.Typer(no_args_is_help=True, help="Machines: add, list, and say what they do next.")

Name = Annotated[str, typer.Argument(help="Name or alias of a host.")]
Macs = Annotated[list[str], typer.Option("--mac", help="Ethernet address; may be given several times.")]
Aliases = Annotated[
    list[str] | None, typer.Option("--alias", help="Another name; may be given several times.")
]


@app.command()
def add(
    context: typer.Context,
    name: Annotated[str, typer.Argument(help="Its hostname.")],
    mac: Macs,
    alias: Aliases = None,
    uuid: Annotated[str, typer.Option(help="System UUID.")] = "",
) -> None:
    """Add a machine. It starts from its own disk until told otherwise."""
    _add(context, name, mac, alias or [], uuid)


@app.command()
def adopt(
    context: typer.Context,
    mac: Annotated[str, typer.Argument(help="A MAC from 'host list'.")],
    name: Annotated[str, typer.Argument(help="Its hostname from now on.")],
    alias: Aliases = None,
) -> None:
    """Add a machine that was seen on the network."""
    _add(context, name, [mac], alias or [], "")


@app.command("list")
def list_(context: typer.Context, *, as_json: AsJson = False) -> None:
    """List machines, and those seen on the network that nobody has added."""
    with of(context).database() as database:
        known, seen = registry.list_hosts(database), registry.list_observed(database)
    if as_json:
        print_json({"hosts": known, "observed": seen})
        return
    print_table(("NAME", "MAC", "NEXT BOOT", "JOB", "ADDRESS", "SEEN"), [_row(host) for host in known])
    if seen:
        say("\nseen on the network, not added (clonesys host adopt MAC NAME):")
        print_table(
            ("MAC", "ADDRESS", "SEEN", "TIMES"),
            [(m.mac, m.address, clock(m.last_seen), str(m.times)) for m in seen],
        )


@app.command()
def show(context: typer.Context, name: Name, *, as_json: AsJson = False) -> None:
    """Show one machine: what it is made of and what it did last."""
    with of(context).database() as database:
        host = registry.get_host(database, name.lower())
    if as_json:
        print_json(host)
        return
    print_facts(_facts(host))
    for disk in (host.inventory or {}).get("disks", ()):
        words = (disk["name"], human_bytes(disk["size"]), disk["model"], disk["serial"], disk["transport"])
        print_facts([("disk", " ".join(word for word in words if word))])


@app.command()
def rm(context: typer.Context, name: Name) -> None:
    """Remove a machine, its jobs and their logs. It is only observed afterwards."""
    ours = of(context)
    with ours.database() as database:
        registry.remove_host(database, name.lower(), now=time.time(), who=ours.who)
    say(f"removed {name}")


@app.command("set")
def set_(
    context: typer.Context,
    name: Name,
    profile: Annotated[str, typer.Option(help="Name of a boot profile; 'local' for the own disk.")],
) -> None:
    """Say what a machine does at its next network boot. Checks everything before it changes anything."""
    ours = of(context)
    with ours.database() as database:
        number = set_profile(ours.home, database, name.lower(), profile, now=time.time(), who=ours.who)
    if number is None:
        say(f"{name} starts from its own disk")
    else:
        say(f"job {number}: {name} does {profile!r} at its next network boot, once")


def _add(context: typer.Context, name: str, macs: list[str], aliases: list[str], uuid: str) -> None:
    ours = of(context)
    with ours.database() as database:
        registry.add_host(
            database,
            parse_name(name),
            [parse_mac(mac) for mac in macs],
            aliases=[parse_name(alias) for alias in aliases],
            uuid=parse_uuid(uuid) if uuid else "",
            now=time.time(),
            who=ours.who,
        )
    say(f"added {parse_name(name)}")


def _row(host: HostView) -> tuple[str, ...]:
    macs, seen = " ".join(host.macs), clock(host.last_seen)
    return host.name, macs, host.profile, job_line(host.job), host.address, seen


def _facts(host: HostView) -> list[tuple[str, str]]:
    inventory = host.inventory or {}
    system = inventory.get("system", {})
    return [
        ("name", host.name),
        ("aliases", " ".join(host.aliases)),
        ("mac", " ".join(host.macs)),
        ("next boot", host.profile),
        ("job", job_line(host.job)),
        ("address", host.address),
        ("seen", clock(host.last_seen)),
        ("up as", f"{host.phoned_home_as}, {clock(host.phoned_home)}" if host.phoned_home else ""),
        ("firmware", host.firmware),
        ("uuid", host.uuid),
        ("machine", f"{system.get('vendor', '')} {system.get('product', '')} {host.serial}".strip()),
        ("processor", f"{inventory['cpu_count']} x {inventory['cpu_model']}" if inventory else ""),
        ("memory", human_bytes(inventory["memory"]) if inventory else ""),
    ]
