"""``local``: start from the own disk. There is no job."""

from __future__ import annotations

from provisioner.profiles.actions.action import ProfileAction

ACTION = ProfileAction("local", work=None)
