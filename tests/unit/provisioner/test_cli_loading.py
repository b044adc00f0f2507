"""What a command line loads, and how the command line tells the time of its stages."""

from __future__ import annotations

import subprocess
import sys

from provisioner.cli.stages import Stages

HEAVY = ("sqlalchemy", "alembic", "fastapi", "pydantic")
PROGRAM = """
import sys
from provisioner.cli import application
application(["--home", "/nowhere", "image", "restore"])
print(*[name for name in sys.argv[1:] if name in sys.modules])
"""


def test_image_commands_load_no_database() -> None:
    """What takes longer to load than a small restore takes is not loaded for one."""
    done = subprocess.run((sys.executable, "-c", PROGRAM, *HEAVY), capture_output=True, text=True, check=True)
    assert done.stdout.strip() == ""


def test_stages_pass_the_progress_on() -> None:
    """What measures the stages shows them too, and names them in order."""
    seen: list[tuple[str, int, int]] = []
    stages = Stages(lambda step, done, total: seen.append((step, done, total)))
    for step in ("write", "write", "verify"):
        stages(step, 1, 2)
    assert seen == [("write", 1, 2), ("write", 1, 2), ("verify", 1, 2)]
    assert list(stages.seconds()) == ["write", "verify"]
