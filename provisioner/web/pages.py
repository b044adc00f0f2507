"""The pages: all hosts at a glance, one job in detail. For the administrator; they change nothing.

The parts that move are fragments of their own: a page holds the first one, and a
few lines of script replace it every two seconds. Without scripts the page is the same, once.
"""

from __future__ import annotations

from typing import Any

from fastapi import APIRouter
from fastapi.responses import HTMLResponse

from provisioner.api.auth import Administrator
from provisioner.api.services import Number, Served, Services
from provisioner.boot import files
from provisioner.hosts import registry
from provisioner.jobs import queue
from provisioner.jobs.overview import get_host, list_hosts
from provisioner.jobs.standing import troubles
from provisioner.timeline import events
from provisioner.web.render import render

AFTERWARDS = 900.0
"""Seconds after a job's end in which the timeline still belongs to it: the first start of the new system."""

router = APIRouter(dependencies=[Administrator], default_response_class=HTMLResponse, include_in_schema=False)


@router.get("/")
def overview(served: Served) -> HTMLResponse:
    """All hosts, and the machines that were only observed."""
    return _page("hosts.html.j2", **_hosts(served))


@router.get("/fragments/hosts")
def overview_fragment(served: Served) -> HTMLResponse:
    """The part of the first page that moves."""
    return _page("_hosts.html.j2", **_hosts(served))


@router.get("/jobs/{number}")
def job(number: Number, served: Served) -> HTMLResponse:
    """One job: steps, log, error."""
    return _page("job.html.j2", **_job(served, number))


@router.get("/fragments/jobs/{number}")
def job_fragment(number: Number, served: Served) -> HTMLResponse:
    """The part of a job's page that moves."""
    return _page("_job.html.j2", **_job(served, number))


def _page(template: str, **values: Any) -> HTMLResponse:
    headers = {"Cache-Control": "no-store", "X-Content-Type-Options": "nosniff", "X-Frame-Options": "DENY"}
    return HTMLResponse(render(template, **values), headers=headers)


def _hosts(served: Services) -> dict[str, Any]:
    """Those that a person should look at first, in the order of ``status``; then as people count."""
    policy, now = served.config.contact, served.now()
    hosts = list_hosts(served.database, policy.attempts)
    raised = {trouble.host: place for place, trouble in enumerate(troubles(hosts, now, policy))}
    return {
        "hosts": sorted(hosts, key=lambda host: raised.get(host.name, len(raised))),
        "troubles": len(raised),
        "missing": files.missing(served.home),
        "observed": registry.list_observed(served.database),
        "policy": policy,
        "now": now,
    }


def _job(served: Services, number: int) -> dict[str, Any]:
    found = queue.get_job(served.database, number)
    host = get_host(served.database, found.host, served.config.contact.attempts)
    until = (found.ended or served.now()) + AFTERWARDS
    seen = [
        event
        for mac in host.macs
        for event in events.list_events(served.database, mac, since=found.created)
        if event.at <= until
    ]
    return {
        "job": found,
        "log": queue.get_log(served.database, number),
        "events": seen,
        "policy": served.config.contact,
        "now": served.now(),
    }
