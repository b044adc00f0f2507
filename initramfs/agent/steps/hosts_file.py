"""``/etc/hosts`` of a clone: the host's name where the golden machine's was, and every other name kept. Pure.

Lines that need no change stay byte for byte.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator

DEFAULT = "127.0.0.1\tlocalhost\n::1\tlocalhost ip6-localhost ip6-loopback\n"
"""For a root without the file."""
OWN = "127.0.1.1"
"""Debian's address of the machine's own name (Debian Policy has none; Debian Reference, 5.1.1)."""
LOOPBACK = frozenset({"127.0.0.1", "::1"})


def hosts_file(old: str | None, name: str, domain: str, golden: str = "") -> str:
    """The file for the host ``name``. ``golden`` is how the image's machine was called; empty: not known.

    The golden machine's name goes from the lines of this machine's own addresses. On others it stays: there
    it means the golden machine itself.
    """
    own = [f"{name}.{domain}", name] if domain else [name]
    lines = (DEFAULT if old is None else old).splitlines()
    aliases = [alias for alias in dict.fromkeys(_aliases(lines, golden)) if alias not in own]
    kept = list(_kept(lines, golden))
    return "\n".join([*kept, "\t".join([OWN, " ".join([*own, *aliases])]), ""])


def _aliases(lines: Iterable[str], golden: str) -> Iterator[str]:
    """What the golden machine was called besides its name, on Debian's line."""
    for line in lines:
        address, names = _fields(line)
        if address == OWN:
            yield from _without(names, golden or names[0].partition(".")[0])


def _kept(lines: Iterable[str], golden: str) -> Iterator[str]:
    """All lines but Debian's, without the golden machine's name."""
    for line in lines:
        address, names = _fields(line)
        left = _without(names, golden) if address in LOOPBACK else names
        if address == OWN:
            continue
        if left == names:
            yield line
        elif left:
            comment = line.partition("#")[1:]
            yield f"{address}\t{' '.join(left)}{' ' if comment[0] else ''}{''.join(comment)}"


def _without(names: list[str], golden: str) -> list[str]:
    """The names that do not mean the golden machine, alone or with a domain behind."""
    if not golden or golden == "localhost":  # an installation without a name of its own
        return names
    return [name for name in names if name.lower().partition(".")[0] != golden.lower()]


def _fields(line: str) -> tuple[str, list[str]]:
    """A line's address and names; empty ones for a line that has none, see hosts(5)."""
    address, *names = line.partition("#")[0].split() or [""]
    return (address, names) if names else ("", [])
