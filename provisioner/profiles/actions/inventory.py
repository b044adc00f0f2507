"""``inventory``: report what the machine is made of, and change nothing."""

from __future__ import annotations

from initramfs.messages import Action, TakeInventory
from provisioner.profiles.actions.action import HostFacts, Images, ProfileAction
from provisioner.profiles.model import Profile


def work(_profile: Profile, _host: HostFacts, _images: Images) -> TakeInventory:
    """The same for every host."""
    return TakeInventory()


ACTION = ProfileAction(Action.INVENTORY.value, work)
