"""What a profile can ask for, by the name that ``action`` has in it. One file for each."""

from __future__ import annotations

from provisioner.profiles.actions import backup, install, inventory, local, rescue, restore

ACTIONS = {
    action.name: action
    for action in (
        local.ACTION,
        install.ACTION,
        restore.ACTION,
        backup.ACTION,
        inventory.ACTION,
        rescue.ACTION,
    )
}
"""The one table. What is not in it, a profile refuses."""
