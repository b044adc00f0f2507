"""``rescue``: a shell on the host's consoles, whatever its disk holds. Nothing else can follow it."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from initramfs.messages import Action, After, Rescue
from provisioner.base.errors import Problem
from provisioner.profiles.actions.action import HostFacts, Images, ProfileAction
from provisioner.profiles.model import Profile


def rules(data: dict[str, Any]) -> Iterator[Problem]:
    """After a reboot or with the power off there would be no shell."""
    then = data.get("then", After.SHELL.value)
    if then != After.SHELL:
        yield Problem("then", f"rescue ends in a shell, not with {then!r}", "leave it out")


def work(_profile: Profile, _host: HostFacts, _images: Images) -> Rescue:
    """The same for every host."""
    return Rescue()


ACTION = ProfileAction(Action.RESCUE.value, work, rules=rules, then=After.SHELL)
