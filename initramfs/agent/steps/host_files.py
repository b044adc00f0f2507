"""What makes a clone this host's own: the files to write into its Linux root, and those to remove.

Pure: names and contents in, names and contents out; ``personalise`` applies
them. Windows and other systems are not touched.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from urllib.parse import urlsplit

from initramfs.agent.errors import PlanError
from initramfs.agent.steps.hosts_file import hosts_file
from initramfs.imaging.label.model import Partition
from initramfs.imaging.restore.layout import Layout
from initramfs.messages import Personalisation
from initramfs.messages.names import why_no_domain, why_no_host_name

UNIT = "etc/systemd/system/clonesys-phone-home.service"
WANTED = "etc/systemd/system/multi-user.target.wants/clonesys-phone-home.service"
SCRIPT = "usr/local/lib/clonesys/phone-home"
TOKEN = "etc/clonesys/phone-home.json"  # noqa: S105 - a file's name

# bash's own /dev/tcp, because nothing else can be relied on in an image. The body is ready-made apart
# from the name, which must be what the running system calls itself: that is the point of phoning home.
SCRIPT_TEMPLATE = """\
#!/bin/bash
# Written by clonesys when this machine was imaged: tells the appliance, once, that the system is up.
set -eu
name=$(uname -n)
case $name in
    *[!A-Za-z0-9._-]*) echo "this system has a name that cannot be told" >&2; exit 1 ;;
esac
body=$(sed "s/@HOSTNAME@/$name/" /etc/clonesys/phone-home.json)
exec 3<>/dev/tcp/{host}/{port}
printf 'POST {path} HTTP/1.1\\r\\nHost: {host}:{port}\\r\\nContent-Type: application/json\\r\\n' >&3
printf 'Content-Length: %d\\r\\nConnection: close\\r\\n\\r\\n%s' "${{#body}}" "$body" >&3
read -r _ status _ <&3
case $status in
    2??) rm -f /etc/clonesys/phone-home.json ;;
    *) echo "the appliance answered $status" >&2; exit 1 ;;
esac
"""

# Both become words of a script that runs as root: nothing in them means anything to a shell, or to printf.
PHONE_HOME_URL = re.compile(r"http://(?:\d{1,3}\.){3}\d{1,3}(?::\d{1,5})?(?:/[A-Za-z0-9._-]+)+", re.ASCII)
PHONE_HOME_TOKEN = re.compile(r"[A-Za-z0-9_-]{0,200}", re.ASCII)

UNIT_TEXT = """\
# Written by clonesys when this machine was imaged. Runs until the appliance has heard it once.
[Unit]
Description=Tell the imaging appliance that this system is up
Wants=network-online.target
After=network-online.target
ConditionPathExists=/etc/clonesys/phone-home.json

[Service]
Type=oneshot
ExecStart=/usr/local/lib/clonesys/phone-home
Restart=on-failure
RestartSec=5

[Install]
WantedBy=multi-user.target
"""


@dataclass(frozen=True, slots=True)
class File:
    """One file to write, by its path inside the root.

    ``ours`` has exactly this ``mode``. Any other that was there before keeps its mode, owner and labels.
    """

    path: str
    content: str
    mode: int = 0o644
    ours: bool = False


@dataclass(frozen=True, slots=True)
class Changes:
    """All that is done to a root: files written, symlinks made (path → target), files removed."""

    files: tuple[File, ...]
    links: Mapping[str, str]
    removed: tuple[str, ...]


def check_names(wanted: Personalisation) -> None:
    """Raises PlanError for a name or domain that would make other files of the root wrong."""
    if why := why_no_host_name(wanted.hostname):
        raise PlanError(
            f"{wanted.hostname!r} cannot be a host name: it {why}", "give the host another name, like pc12"
        )
    if why := why_no_domain(wanted.domain):
        raise PlanError(f"the domain {wanted.domain!r} {why}", "correct personalise.domain in the profile")


def check_phone_home(wanted: Personalisation) -> None:
    """Raises PlanError for what would become more than a word of a script that runs as root."""
    if not PHONE_HOME_URL.fullmatch(wanted.phone_home_url):
        raise PlanError(
            f"{wanted.phone_home_url!r:.200} is no address to phone home to", "is the appliance one of ours?"
        )
    if not PHONE_HOME_TOKEN.fullmatch(wanted.phone_home_token):
        raise PlanError(f"{wanted.phone_home_token!r:.80} is no token", "start this machine again")


def root_partition(layout: Layout, number: int) -> Partition:
    """The data partition ``number`` of what is laid out. Raises PlanError if there is none."""
    found = layout.label.area(number) if layout.label else None
    if found is None:
        raise PlanError(
            f"there is no partition {number} to personalise", "correct personalise.root in the profile"
        )
    return found


def changes(wanted: Personalisation, hosts: str | None, golden: str = "") -> Changes:
    """What to do to the root.

    ``hosts`` is the image's ``/etc/hosts``, None if it has none; ``golden`` is how its machine was called.
    """
    check_names(wanted)
    name = wanted.hostname
    files = [
        File("etc/hostname", f"{name}\n"),
        File("etc/hosts", hosts_file(hosts, name, wanted.domain, golden)),
        # Empty, not absent: systemd makes a new one at the next boot (machine-id(5)). Clones that share it
        # get the same DHCP identity and so the same address.
        File("etc/machine-id", "", 0o444),
    ]
    links: dict[str, str] = {}
    if wanted.phone_home_url:
        files += phone_home(wanted)
        links[WANTED] = "/" + UNIT
    return Changes(tuple(files), links, ("var/lib/systemd/random-seed", "var/lib/dbus/machine-id"))


def phone_home(wanted: Personalisation) -> list[File]:
    """The unit, its script and its one-time token."""
    check_phone_home(wanted)
    url = urlsplit(wanted.phone_home_url)
    script = SCRIPT_TEMPLATE.format(host=url.hostname, port=url.port or 80, path=url.path)
    token = f'{{"token":"{wanted.phone_home_token}","hostname":"@HOSTNAME@"}}'
    return [
        File(UNIT, UNIT_TEXT, ours=True),
        File(SCRIPT, script, 0o755, ours=True),
        File(TOKEN, token, 0o600, ours=True),
    ]
