"""``clonesys host``: who the machines are, and what they do at their next network boot."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Annotated

import typer

from provisioner.base.checking import check_all
from provisioner.base.errors import InvalidError, NotFoundError
from provisioner.base.units import binary, clock
from provisioner.cli import completing
from provisioner.cli.asking import Yes
from provisioner.cli.context import of
from provisioner.cli.ending_jobs import agreeing, left
from provisioner.cli.job_lines import job_line
from provisioner.cli.output import AsJson, harmless, print_facts, print_json, remark, say
from provisioner.cli.table import print_table
from provisioner.commands.appliance import Appliance
from provisioner.commands.host.add import AddHost, add_host
from provisioner.commands.host.adopt import AdoptHost, AdoptHosts, adopt_hosts
from provisioner.commands.host.assign_profile import Assigned, AssignProfile, assign_profile
from provisioner.commands.host.remove import RemoveHosts, remove_hosts
from provisioner.hosts import registry
from provisioner.hosts.names import parse_mac
from provisioner.hosts.registry import ObservedView
from provisioner.jobs.overview import get_host, list_hosts
from provisioner.jobs.standing import standing
from provisioner.jobs.views import HostView
from provisioner.timeline.events import latest_events

app = typer.Typer(no_args_is_help=True, help="Machines: add, list, and say what they do next.")

PROFILE_HELP = "Name of a boot profile; 'local' for the own disk."
Names = Annotated[
    list[str], typer.Argument(help="Names or aliases of hosts.", autocompletion=completing.hosts)
]
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
    *,
    as_json: AsJson = False,
) -> None:
    """Add a machine. It starts from its own disk until told otherwise."""
    ours = of(context)
    with ours.appliance() as appliance:
        added = add_host(appliance, ours.actor, AddHost(name, tuple(mac), tuple(alias or ()), uuid))
    if as_json:
        print_json({"added": [added]})
    else:
        say(f"added {added}")


@app.command()
def adopt(
    context: typer.Context,
    pairs: Annotated[
        list[str],
        typer.Argument(
            metavar="MAC NAME [MAC NAME]...", help="MACs from 'host list'; the hostnames from now on."
        ),
    ],
    alias: Aliases = None,
    *,
    as_json: AsJson = False,
) -> None:
    """Add machines that were seen on the network: all of them, or none if one cannot be."""
    ours = of(context)
    if len(pairs) % 2:
        raise typer.BadParameter("each MAC needs a name behind it: MAC NAME MAC NAME …")
    if alias and len(pairs) > 2:  # noqa: PLR2004 - one pair
        raise typer.BadParameter("--alias is for one machine at a time")
    wanted = zip(pairs[::2], pairs[1::2], strict=True)
    wish = AdoptHosts(tuple(AdoptHost(mac, name, tuple(alias or ())) for mac, name in wanted))
    with ours.appliance() as appliance:
        added = adopt_hosts(appliance, ours.actor, wish)
    if as_json:
        print_json({"added": added})
        return
    for name in added:
        say(f"added {name}")


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
            ("mac", "machine", "serial", "uuid", "firmware", "address", "seen", "times"),
            [_observed(machine) for machine in seen],
        )


@app.command()
def show(context: typer.Context, names: Names, *, as_json: AsJson = False) -> None:
    """Show machines: what they are made of and what they did last. JSON of several is a list."""
    with of(context).appliance() as appliance:
        attempts = appliance.config.contact.attempts
        hosts = check_all(names, lambda name: get_host(appliance.database, name.lower(), attempts), "hosts")
        now, policy = appliance.now(), appliance.config.contact
    if as_json:
        print_json(hosts[0] if len(names) == 1 else hosts)
        return
    for number, host in enumerate(hosts):
        if number:
            say()
        _show(host, standing(host.job, now, policy).note if host.job else "")


def _show(host: HostView, known: str) -> None:
    print_facts(_facts(host, known))
    for disk in (host.inventory or {}).get("disks", ()):
        words = (disk["name"], binary(disk["size"]), disk["model"], disk["serial"], disk["transport"])
        print_facts([("disk", " ".join(word for word in words if word))])


@app.command()
def timeline(
    context: typer.Context,
    name: Annotated[
        str, typer.Argument(help="Name or alias of a host, or any MAC.", autocompletion=completing.hosts)
    ],
    limit: Annotated[int, typer.Option(min=1, help="The latest so many.")] = 200,
    *,
    as_json: AsJson = False,
) -> None:
    """Show what was seen of a machine, oldest first: each question and answer, and why it got none."""
    with of(context).appliance() as appliance:
        macs = _macs_of(appliance, name)
        found = latest_events(appliance.database, macs, limit)
    if as_json:
        print_json(found)
        return
    columns = ("when", "what", *(["mac"] if len(macs) > 1 else []), "address", "")
    print_table(
        columns,
        [(clock(e.at), e.kind, *([e.mac] if len(macs) > 1 else []), e.address, e.detail) for e in found],
    )


def _macs_of(appliance: Appliance, name: str) -> tuple[str, ...]:
    """The MACs of a host; of a machine that is none, the one that was typed."""
    try:
        return get_host(appliance.database, name.lower(), appliance.config.contact.attempts).macs
    except NotFoundError:
        try:
            return (parse_mac(name),)
        except InvalidError:
            pass
        raise


@app.command()
def rm(context: typer.Context, names: Names, *, yes: Yes = False, as_json: AsJson = False) -> None:
    """Remove machines, their jobs and logs; asks about those at work. They are only observed afterwards."""
    ours = of(context)
    agree = agreeing(yes=yes, what="Remove")
    with ours.appliance() as appliance:
        gone = remove_hosts(appliance, ours.actor, RemoveHosts(tuple(names)), agree=agree)
    if as_json:
        print_json({"removed": gone})
        return
    for host in gone:
        say(f"removed {host.name}")
    left(host.unfinished for host in gone)


@app.command("set")
def set_(
    context: typer.Context,
    names: Names,
    profile: Annotated[str, typer.Option(help=PROFILE_HELP, autocompletion=completing.profiles)],
    *,
    as_json: AsJson = False,
) -> None:
    """Say what machines do at their next network boot. Checks all of them before it changes anything."""
    ours = of(context)
    with ours.appliance() as appliance:
        done = assign_profile(appliance, ours.actor, AssignProfile(tuple(names), profile))
    remark(done.remarks)
    if as_json:
        print_json(done)
        return
    for one in done.hosts:
        for line in _assigned(one):
            say(harmless(line))


def _assigned(done: Assigned) -> Iterator[str]:
    if done.job is None:
        yield f"{done.host} starts from its own disk"
    else:
        yield f"job {done.job}: {done.host} does {done.profile!r} at its next network boot, once"
    if old := done.replaced:
        by = f", given by {old.made_by}" if old.made_by else ""
        yield f"  in place of job {old.job} ({old.profile}{by}, {clock(old.made)}), which had not begun"


def _observed(seen: ObservedView) -> tuple[str, ...]:
    machine = f"{seen.vendor} {seen.model}".strip()
    when = (clock(seen.last_seen), str(seen.times))
    return seen.mac, machine, seen.serial, seen.uuid, seen.architecture, seen.address, *when


def _row(host: HostView) -> tuple[str, ...]:
    macs, seen = " ".join(host.macs), clock(host.last_seen)
    return host.name, macs, host.next_boot, job_line(host.job), host.address, seen


def _facts(host: HostView, known: str) -> list[tuple[str, str]]:
    inventory = host.inventory or {}
    system = inventory.get("system", {})
    return [
        ("name", host.name),
        ("aliases", " ".join(host.aliases)),
        ("mac", " ".join(host.macs)),
        ("next boot", host.next_boot),
        ("job", job_line(host.job)),
        ("known", known),
        ("address", host.address),
        ("seen", clock(host.last_seen)),
        ("up as", f"{host.phoned_home_as}, {clock(host.phoned_home)}" if host.phoned_home else ""),
        ("firmware", host.firmware),
        ("uuid", host.uuid),
        ("machine", f"{system.get('vendor', '')} {system.get('product', '')} {host.serial}".strip()),
        ("processor", f"{inventory['cpu_count']} x {inventory['cpu_model']}" if inventory else ""),
        ("memory", binary(inventory["memory"]) if inventory else ""),
    ]
