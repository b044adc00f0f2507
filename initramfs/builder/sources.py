"""Debian's own entries among a machine's package sources (sources.list(5)).

Texts in, one text out, in the deb822 form whatever form they came in. Keeps options such
as Signed-By; drops other components, other suites, other repositories: what people add to
``/etc/apt`` for other software must not leak into the image.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from pathlib import Path

from initramfs.builder.errors import SourceError

ETC = Path("/etc/apt")
COMPONENT = "main"
ARCHIVES = ("{}", "{}-updates", "{}-security")
"""A release, its fixes between point releases, and its security fixes; neither backports nor proposals."""

ONE_LINE = re.compile(
    r"^\s*deb\s+(?:\[(?P<options>[^]]*)\]\s+)?(?P<uri>\S+)\s+(?P<suite>\S+)\s+(?P<rest>.*)$"
)

FIELDS = {"arch": "architectures", "lang": "languages", "target": "targets"}
"""Options whose names differ between the two forms."""

Stanza = dict[str, str]
"""A source; keys in lower case."""


def host_sources(codename: str) -> str:
    """This machine's sources of Debian's suite ``codename``. Raises SourceError if there are none."""
    files = [ETC / "sources.list", *sorted((ETC / "sources.list.d").glob("*"))]
    texts = [(path.name, path.read_text()) for path in files if path.is_file()]
    stanzas = select(texts, codename)
    if not stanzas:
        raise SourceError(
            f"no package source for Debian's suite {codename}, component main, below {ETC}",
            "the initramfs is built from Debian's packages: build it on a Debian machine that can reach them",
        )
    return stanzas


def select(texts: Iterable[tuple[str, str]], codename: str) -> str:
    """The sources of ``codename`` in these files (name, content), as deb822; empty if there are none."""
    suites = {form.format(codename) for form in ARCHIVES}
    stanzas = [stanza for name, text in texts for stanza in read(name, text)]
    kept = (narrow(stanza, suites) for stanza in stanzas)
    return "\n".join(_write(stanza) for stanza in kept if stanza)


def read(name: str, text: str) -> Iterator[Stanza]:
    """The sources in one file. apt goes by the file's name, and so do we; other files are no sources."""
    if name.endswith(".sources"):
        yield from _deb822(text)
    elif name.endswith(".list"):
        yield from _one_line(text)


def narrow(stanza: Stanza, suites: set[str]) -> Stanza | None:
    """The part of a source that is Debian's ``suites`` and ``main``, or None."""
    kept = [suite for suite in stanza.get("suites", "").split() if suite in suites]
    usable = (
        "deb" in stanza.get("types", "").split()
        and COMPONENT in stanza.get("components", "").split()
        and stanza.get("enabled", "yes").lower() not in {"no", "false", "0"}
        and not stanza.get("uris", "").startswith("cdrom:")
    )
    if not (kept and usable):
        return None
    return {**stanza, "types": "deb", "suites": " ".join(kept), "components": COMPONENT}


def _one_line(text: str) -> Iterator[Stanza]:
    for line in text.splitlines():
        if found := ONE_LINE.match(line.partition("#")[0]):
            options = [word.partition("=") for word in (found["options"] or "").split()]
            yield {
                "types": "deb",
                "uris": found["uri"],
                "suites": found["suite"],
                "components": found["rest"],
                **{FIELDS.get(key, key): value.replace(",", " ") for key, _, value in options},
            }


def _deb822(text: str) -> Iterator[Stanza]:
    lines = [line for line in text.splitlines() if not line.startswith("#")]
    for block in re.split(r"\n[ \t]*\n", "\n".join(lines)):
        fields = re.findall(r"^([\w-]+):(.*(?:\n[ \t].*)*)", block, re.MULTILINE)
        if fields:
            yield {key.lower(): value.strip() for key, value in fields}


def _write(stanza: Stanza) -> str:
    return "".join(f"{key.title()}: {value}\n" for key, value in stanza.items())
