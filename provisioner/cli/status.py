"""``clonesys status``: the appliance at a glance."""

from __future__ import annotations

from collections import Counter

import typer

from provisioner.base.home import Home
from provisioner.boot import files
from provisioner.cli.context import of
from provisioner.cli.job_lines import progress_line
from provisioner.cli.output import AsJson, harmless, print_facts, print_json, say
from provisioner.cli.table import print_table
from provisioner.hosts import registry
from provisioner.jobs.life import ENDED
from provisioner.jobs.overview import list_hosts
from provisioner.jobs.standing import troubles


def status(context: typer.Context, *, as_json: AsJson = False) -> None:
    """Show what this appliance has and what its machines are doing."""
    ours = of(context)
    with ours.appliance() as appliance:
        known = list_hosts(appliance.database, appliance.config.contact.attempts)
        observed = registry.list_observed(appliance.database)
        now, policy = appliance.now(), appliance.config.contact
    missing = files.missing(Home(ours.home))
    raised = troubles(known, now, policy)
    states = Counter(str(host.job.state) for host in known if host.job)
    if as_json:
        print_json(
            {
                "home": str(ours.home),
                "hosts": len(known),
                "observed": len(observed),
                "jobs": dict(states),
                "troubles": raised,
                "boot_files_missing": sorted(missing),
            }
        )
        return
    for trouble in raised:
        say(harmless(f"{trouble.host}: {trouble.what} (job {trouble.job})"))
    if raised:
        say()
    print_facts(
        (
            ("home", str(ours.home)),
            ("hosts", f"{len(known)}, and {len(observed)} only observed"),
            ("latest jobs", ", ".join(f"{count} {state}" for state, count in sorted(states.items()))),
            *(("missing", f"boot file {name}: {maker}") for name, maker in missing.items()),
        )
    )
    busy = [host for host in known if host.job and host.job.state not in ENDED]
    if busy:
        say()
        rows = [
            (h.name, h.job.profile, h.job.state, progress_line(h.job, now, policy)) for h in busy if h.job
        ]
        print_table(("host", "profile", "state", "progress"), rows)
