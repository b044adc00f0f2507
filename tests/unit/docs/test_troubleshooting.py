"""The messages in docs/user/troubleshooting.md are those that the code says."""

from __future__ import annotations

import ast
import re
from pathlib import Path

ROOT = Path(__file__).parents[3]
PAGE = ROOT / "docs" / "user" / "troubleshooting.md"
ROW = re.compile(r"^\| (.+?) \|", re.MULTILINE)
QUOTED = re.compile(r"`([^`]+)`")
NO_MESSAGES = ("clonesys ", "PXEClient")
"""What else is written as code in a first column."""


def said() -> str:
    """Every text in the product's code, and its templates."""
    texts: list[str] = []
    for folder in ("netboot", "initramfs", "provisioner"):
        for path in (ROOT / folder).rglob("*.py"):
            nodes = ast.walk(ast.parse(path.read_text()))
            texts += [
                node.value for node in nodes if isinstance(node, ast.Constant) and isinstance(node.value, str)
            ]
    texts += [path.read_text() for path in (ROOT / "templates").rglob("*.j2")]
    return "\n".join(texts)


def test_every_message_is_in_the_code() -> None:
    """Piece by piece: an ellipsis stands for what differs."""
    everything = said()
    cells = ROW.findall(PAGE.read_text())
    messages = [text for cell in cells for text in QUOTED.findall(cell) if not text.startswith(NO_MESSAGES)]
    assert len(messages) > 40
    for message in messages:
        for piece in message.split("…"):
            assert piece in everything, f"nothing says {piece!r}, of {message!r}"
