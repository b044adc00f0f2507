"""``clonesys.toml``: what a person decided about this appliance. The one place that reads it.

Everything has a default, so an empty file is a complete configuration. What is
going on (addresses bound, processes) is no configuration and lives elsewhere.
"""

from __future__ import annotations

import re
from enum import StrEnum
from ipaddress import IPv4Address
from typing import TYPE_CHECKING, Annotated

from pydantic import AfterValidator, Field, ValidationError

from initramfs.messages.names import why_no_domain
from provisioner.base.errors import InvalidError
from provisioner.base.home import Home
from provisioner.base.toml import Strict, parse_toml, problems_of

if TYPE_CHECKING:
    from pathlib import Path

_INTERFACE = re.compile(r"[^\s/:]{1,15}")
"""What the kernel takes: IFNAMSIZ with its NUL is 16."""
MAX_PORT = 65535


def parse_listen(text: str) -> tuple[IPv4Address, int]:
    """``ADDR:PORT`` as ``(address, port)``; port 0 means any free one. Raises ValueError with the reason."""
    address, _, port = text.rpartition(":")
    try:
        parsed = IPv4Address(address), int(port)
    except ValueError as error:
        raise ValueError(f"{text!r} is not ADDRESS:PORT, like 0.0.0.0:8080") from error
    if not 0 <= parsed[1] <= MAX_PORT:
        raise ValueError(f"there is no port {parsed[1]}, the last one is {MAX_PORT}")
    return parsed


def _listen(text: str) -> str:
    parse_listen(text)
    return text


def _domain(text: str) -> str:
    if why := why_no_domain(text):
        raise ValueError(f"{text!r} {why}")
    return text


def _store(text: str) -> str:
    if text and not text.startswith(("/", "file:///")):
        raise ValueError(
            f"{text!r} is no absolute path of a directory, like /srv/images or file:///srv/images"
        )
    return text


class Tftp(Strict):
    """How loaders are sent."""

    block_size: Annotated[int, Field(ge=512, le=65464)] = 65464


class Http(Strict):
    """Where boot files, API, chunks and pages are served."""

    listen: Annotated[str, AfterValidator(_listen)] = "0.0.0.0:8080"
    workers: Annotated[int, Field(ge=1, le=64)] = 2


def _interface(text: str) -> str:
    if not _INTERFACE.fullmatch(text):
        raise ValueError(f"{text!r} is no name of a network interface, see 'ip link'")
    return text


class Network(Strict):
    """What is served. Without names every network of the machine, and HTTP too is confined to those named."""

    interfaces: list[Annotated[str, AfterValidator(_interface)]] = Field(default_factory=list)


class Dns(Strict):
    """Names of hosts: ``<name>.<domain>``. An empty domain answers bare names only."""

    domain: Annotated[str, AfterValidator(_domain)] = "clonesys.internal"


class Contact(Strict):
    """How agents are dealt with. Minutes are counted since the last word of an agent.

    ``first_start_minutes``: from a job's end until a system that has not phoned home is raised.
    """

    nonce_minutes: Annotated[int, Field(ge=1, le=240)] = 15
    attempts: Annotated[int, Field(ge=1, le=10)] = 3
    stalled_minutes: Annotated[int, Field(ge=1, le=1440)] = 10
    interrupted_minutes: Annotated[int, Field(ge=1, le=10080)] = 60
    first_start_minutes: Annotated[int, Field(ge=1, le=10080)] = 15


class Track(StrEnum):
    """Which generation a name without one means for hosts."""

    LATEST = "latest"
    PROMOTED = "promoted"


class Images(Strict):
    """What hosts get of images. A profile may say otherwise for itself."""

    track: Annotated[Track, Field(strict=False)] = Track.LATEST


class Keep(Strict):
    """How long history is kept, in days."""

    events_days: Annotated[int, Field(ge=1)] = 90


class Config(Strict):
    """All of it.

    ``database`` is an SQLAlchemy URL; empty means the SQLite file in the home directory. ``store`` is the
    directory of the images; empty means the one in the home directory.
    """

    database: str = ""
    store: Annotated[str, AfterValidator(_store)] = ""
    network: Network = Network()
    tftp: Tftp = Tftp()
    http: Http = Http()
    dns: Dns = Dns()
    contact: Contact = Contact()
    images: Images = Images()
    keep: Keep = Keep()


EXAMPLE = """\
# The configuration of one appliance. Everything is optional; these are the defaults.

# database = "postgresql+psycopg://user@host/clonesys"   # default: clonesys.db in this directory
# store = "/srv/images"           # the directory of the images; default: store/ in this directory

[network]
interfaces = []                 # like ["eth1", "eth2"]: serve these only; empty: every network

[tftp]
block_size = 65464              # largest block; less only where a path carries less than the MTU here

[http]
listen = "0.0.0.0:8080"         # boot files, API, images, web pages
workers = 2

[dns]
domain = "clonesys.internal"    # hosts answer as NAME.clonesys.internal

[contact]
nonce_minutes = 15              # from boot script to the agent's first word
attempts = 3                    # how often a job may be started before it is given up
stalled_minutes = 10            # silence after which a job is shown as stalled
interrupted_minutes = 60        # silence after which one without attempts left is given up
first_start_minutes = 15        # after a restore: when a system that has not phoned home is raised

[images]
track = "latest"                # what NAME means for hosts: its latest generation, or the "promoted" one

[keep]
events_days = 90
"""


def read_config(text: str, name: str = "clonesys.toml") -> Config:
    """The configuration in a TOML text. Raises InvalidError with all problems at once."""
    data = parse_toml(text, name)
    try:
        return Config.model_validate(data)
    except ValidationError as error:
        problems = tuple(problems_of(error, Config))
        raise InvalidError(
            f"{name} has {len(problems)} problem{'s' * (len(problems) > 1)}", problems, "mend it, try again"
        ) from error


def load_config(home: Path) -> Config:
    """The configuration of the appliance at ``home``; defaults where there is no file."""
    path = Home(home).config
    return read_config(path.read_text(), str(path)) if path.exists() else Config()


def database_url(home: Path, config: Config) -> str:
    """The SQLAlchemy URL of the appliance's database."""
    return config.database or f"sqlite:///{Home(home).database}"


def store_url(home: Path, config: Config) -> str:
    """The path or URL of the appliance's image store."""
    return config.store or str(Home(home).store)
