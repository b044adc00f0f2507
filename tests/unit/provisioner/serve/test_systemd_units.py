"""The units: a part each, with the rights that the supervisor gives it, hardened by systemd's own measure."""

from __future__ import annotations

import configparser
import subprocess
from pathlib import Path

import pytest

from provisioner.serve.handshake import PARTS
from provisioner.serve.privileges import CAPABILITIES

UNITS = Path("provisioner/serve/systemd")
EXPOSURE = "20"
"""Of 100, as 'systemd-analyze security' counts it; below is what it calls OK."""


@pytest.mark.parametrize("part", PARTS)
def test_a_part_has_no_more_rights_than_it_needs(part: str) -> None:
    """Neither under systemd nor under 'clonesys serve'."""
    unit = configparser.ConfigParser(strict=False, interpolation=None)
    unit.optionxform = str  # type: ignore[assignment,method-assign]  # as configparser's documentation says it
    unit.read(UNITS / f"clonesys-{part}.service")
    service = unit["Service"]
    wanted = " ".join(f"CAP_{each}".upper() for each in CAPABILITIES[part])
    assert service["AmbientCapabilities"] == service["CapabilityBoundingSet"] == wanted
    assert service["ExecStart"].endswith(f" serve --only {part}")
    assert service["User"] == "clonesys"


@pytest.mark.parametrize("part", PARTS)
def test_systemd_finds_the_unit_hardened(part: str) -> None:
    """Read by systemd itself; what it does not know it would name."""
    words = ["systemd-analyze", "security", "--offline=true", "--no-pager", f"--threshold={EXPOSURE}"]
    done = subprocess.run(
        [*words, UNITS / f"clonesys-{part}.service"], capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stdout
    assert "Unknown" not in done.stderr
