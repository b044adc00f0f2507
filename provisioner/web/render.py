"""Turns values into HTML. Everything a machine or a person wrote is escaped."""

from __future__ import annotations

from typing import Any

from jinja2 import Environment, PackageLoader, StrictUndefined

from provisioner.base.units import binary, clock, duration
from provisioner.jobs.progress import progress_of
from provisioner.jobs.standing import standing


def _ago(then: float | None, now: float) -> str:
    return "never" if then is None else f"{duration(max(0.0, now - then))} ago"


def _environment() -> Environment:
    environment = Environment(
        loader=PackageLoader("templates", "web"),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.filters |= {
        "ago": _ago,
        "clock": clock,
        "bytes": binary,
        "seconds": duration,
        "progress": progress_of,
        "standing": standing,
    }
    return environment


_ENVIRONMENT = _environment()


def render(template: str, **values: Any) -> str:
    """The page ``template`` with ``values``. A value that is missing raises."""
    return _ENVIRONMENT.get_template(template).render(**values)
