"""``clonesys host``: who the machines are, and what they do at their next network boot."""

from __future__ import annotations

from typing import Annotated

import typer

from provisioner.base.units import binary
from provisioner.cli.context import of
from provisioner.cli.job_lines import job_line
from provisioner.cli.output import AsJson, clock, print_facts, print_json, say
from provisioner.cli.table import print_table
from provisioner.commands.host.add import AddHost, add_host
from provisioner.commands.host.adopt import AdoptHost, adopt_host
from provisioner.commands.host.assign_profile import AssignProfile, assign_profile
from provisioner.commands.host.remove import RemoveHost, remove_host
from provisioner.hosts import registry
from provisioner.jobs.overview import get_host, list_hosts
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
    ours = of(context)
    with ours.appliance() as appliance:
        added = add_host(appliance, ours.actor, AddHost(name, tuple(mac), tuple(alias or ()), uuid))
    say(f"added {added}")


@app.command()
def adopt(
    context: typer.Context,
    mac: Annotated[str, typer.Argument(help="A MAC from 'host list'.")],
    name: Annotated[str, typer.Argument(help="Its hostname from now on.")],
    alias: Aliases = None,
) -> None:
    """Add a machine that was seen on the network."""
    ours = of(context)
    with ours.appliance() as appliance:
        added = adopt_host(appliance, ours.actor, AdoptHost(mac, name, tuple(alias or ())))
    say(f"added {added}")


@app.command("list")
def list_(context: typer.Context, *, as_json: AsJson = False) -> None:
    """List machines, and those seen on the network that were not added."""
    with of(context).appliance() as appliance:
        known = list_hosts(appliance.database, appliance.config.contact.attempts)
        seen = registry.list_observed(appliance.database)
    if as_json:
        print_json({"hosts": known, "observed": seen})
        return
    print_table(("name", "mac", "next boot", "job", "address", "seen"), [_row(host) for host in known])
    if seen:
        say("\nseen on the network, not added (clonesys host adopt MAC NAME):")
        print_table(
            ("mac", "address", "seen", "times"),
            [(m.mac, m.address, clock(m.last_seen), str(m.times)) for m in seen],
        )


@app.command()
def show(context: typer.Context, name: Name, *, as_json: AsJson = False) -> None:
    """Show one machine: what it is made of and what it did last."""
    with of(context).appliance() as appliance:
        host = get_host(appliance.database, name.lower(), appliance.config.contact.attempts)
    if as_json:
        print_json(host)
        return
    print_facts(_facts(host))
    for disk in (host.inventory or {}).get("disks", ()):
        words = (disk["name"], binary(disk["size"]), disk["model"], disk["serial"], disk["transport"])
        print_facts([("disk", " ".join(word for word in words if word))])


@app.command()
def rm(context: typer.Context, name: Name) -> None:
    """Remove a machine, its jobs and their logs. It is only observed afterwards."""
    ours = of(context)
    with ours.appliance() as appliance:
        removed = remove_host(appliance, ours.actor, RemoveHost(name))
    say(f"removed {removed}")


@app.command("set")
def set_(
    context: typer.Context,
    name: Name,
    profile: Annotated[str, typer.Option(help="Name of a boot profile; 'local' for the own disk.")],
) -> None:
    """Say what a machine does at its next network boot. Checks everything before it changes anything."""
    ours = of(context)
    with ours.appliance() as appliance:
        number = assign_profile(appliance, ours.actor, AssignProfile(name, profile))
    if number is None:
        say(f"{name} starts from its own disk")
    else:
        say(f"job {number}: {name} does {profile!r} at its next network boot, once")


def _row(host: HostView) -> tuple[str, ...]:
    macs, seen = " ".join(host.macs), clock(host.last_seen)
    return host.name, macs, host.next_boot, job_line(host.job), host.address, seen


def _facts(host: HostView) -> list[tuple[str, str]]:
    inventory = host.inventory or {}
    system = inventory.get("system", {})
    return [
        ("name", host.name),
        ("aliases", " ".join(host.aliases)),
        ("mac", " ".join(host.macs)),
        ("next boot", host.next_boot),
        ("job", job_line(host.job)),
        ("address", host.address),
        ("seen", clock(host.last_seen)),
        ("up as", f"{host.phoned_home_as}, {clock(host.phoned_home)}" if host.phoned_home else ""),
        ("firmware", host.firmware),
        ("uuid", host.uuid),
        ("machine", f"{system.get('vendor', '')} {system.get('product', '')} {host.serial}".strip()),
        ("processor", f"{inventory['cpu_count']} x {inventory['cpu_model']}" if inventory else ""),
        ("memory", binary(inventory["memory"]) if inventory else ""),
    ]
