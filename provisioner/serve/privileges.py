"""What a part may do: it runs as the owner of the appliance's home, with what its sockets need of root.

setpriv(1), of util-linux, takes the rest before a part's first line of Python runs, and for all that it
starts. As systemd units the parts need nothing of this: their units say the same.
"""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

from provisioner.base.errors import ProvisionerError
from provisioner.base.ownership import ROOT, Owner

NETWORK = ("net_bind_service", "net_admin")
"""Low ports; a filter on a listening TCP socket (Linux asks for the right since June 2026); large buffers."""
BITS = {"net_bind_service": 10, "net_admin": 12}
"""linux/capability.h."""
CAPABILITIES: dict[str, tuple[str, ...]] = {"netboot": NETWORK, "http": NETWORK, "controller": ()}
"""Of each part, as capabilities(7) names them."""


def prefix(part: str, home: Path) -> tuple[str, ...]:
    """What stands before the command line of a part, if root starts it for another user's home."""
    owner = Owner.of(home)
    if os.geteuid() != ROOT or owner.uid == ROOT:
        return ()
    rights = ",".join(("-all", *(f"+{each}" for each in CAPABILITIES[part] if each in _held())))
    groups = "--init-groups" if owner.name else "--clear-groups"
    sets = [f"--{each}={rights}" for each in ("inh-caps", "ambient-caps", "bounding-set")]
    return ("setpriv", f"--reuid={owner.uid}", f"--regid={owner.gid}", groups, *sets, "--no-new-privs", "--")


def _held() -> frozenset[str]:
    """Which of them root has here: in a container often not all, and who asks for more gets nothing."""
    lines = dict(line.split(":", 1) for line in Path("/proc/self/status").read_text().splitlines())
    held = int(lines["CapPrm"], 16) & int(lines["CapBnd"], 16)
    return frozenset(name for name, bit in BITS.items() if held >> bit & 1)


def check(home: Path) -> str | None:
    """What a person should know before the parts start; None if all is well.

    Raises ProvisionerError if the owner of the home cannot run this program, or does not come to the home.
    """
    words = prefix("netboot", home)
    if not words:
        return ROOT_HINT.format(home=home) if os.geteuid() == ROOT else None
    look = "import os, sys, provisioner.serve.child; os.listdir(sys.argv[1])"
    tried = subprocess.run(
        (*words, sys.executable, "-c", look, home),
        capture_output=True,
        text=True,
        check=False,
        cwd="/",
    )
    if tried.returncode:
        reason = (tried.stderr.strip().splitlines() or ["it ended without a word"])[-1]
        user = Owner.of(home).name or f"user {Owner.of(home).uid}"
        raise ProvisionerError(
            f"the services cannot run as {user}, to whom {home} belongs: {reason}",
            "put clonesys and the home where that user comes to, not below /root",
        )
    return None


ROOT_HINT = (
    "the services run as root, because {home} is root's; "
    "'clonesys init --owner USER' gives both to a user of their own"
)
