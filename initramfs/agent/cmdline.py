"""What the boot script told the agent through the kernel's command line.

Pure: text in, value out. ``clonesys.server`` (base URL with a literal address),
``clonesys.nonce`` and ``clonesys.mac`` come from the appliance; everything else
on the line belongs to the kernel.
"""

from __future__ import annotations

from dataclasses import dataclass

from initramfs.agent.errors import CommandLineError

PREFIX = "clonesys."


@dataclass(frozen=True, slots=True)
class CommandLine:
    """The agent's part of ``/proc/cmdline``."""

    server: str
    nonce: str
    mac: str


def words(text: str) -> dict[str, str]:
    """All ``key=value`` words of a kernel command line; a word without ``=`` maps to an empty string."""
    return dict(word.partition("=")[::2] for word in text.split())


def parse(text: str) -> CommandLine:
    """Read the agent's words. Raises CommandLineError naming every word that is missing."""
    found = words(text)
    missing = [PREFIX + key for key in ("server", "nonce", "mac") if not found.get(PREFIX + key)]
    if missing:
        raise CommandLineError(
            f"the kernel's command line lacks {', '.join(missing)}",
            "boot this machine through the appliance; its boot script adds them",
        )
    return CommandLine(
        server=found[PREFIX + "server"].rstrip("/"),
        nonce=found[PREFIX + "nonce"],
        mac=found[PREFIX + "mac"].lower(),
    )
