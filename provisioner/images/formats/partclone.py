"""partclone's own images, as FOG and Clonezilla keep them: restored, and checked, by partclone itself."""

from __future__ import annotations

import io
import subprocess
import tempfile
from pathlib import Path
from typing import IO

from provisioner.images.formats.streams import blocks
from provisioner.stores.errors import StoreError

MAGIC = b"partclone-image"
TOOL = "partclone.restore"


def restore(stream: IO[bytes], target: Path) -> None:
    """Write an image to a file that is made, or to a block device.

    Raises StoreError: partclone is missing, or found the image damaged.
    """
    out = ("-O", target) if target.is_block_device() else ("-W", "-o", target)
    with tempfile.NamedTemporaryFile(prefix="partclone-") as log, tempfile.TemporaryFile("w+") as said:
        command = (TOOL, "--quiet", "--no_check", "-s", "-", *out, "-L", log.name)
        try:
            process = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=said, stderr=said)
        except FileNotFoundError as error:
            raise StoreError(f"{TOOL} is not installed", "apt install partclone") from error
        _feed(process, stream)
        if process.returncode:
            said.seek(0)
            words = " | ".join(line.strip() for line in said.read().splitlines()[-3:] if line.strip())
            raise StoreError(f"partclone refuses the image: {words}", "copy it again from where it came from")


def _feed(process: subprocess.Popen[bytes], stream: IO[bytes]) -> None:
    """Everything into its standard input; one that has ended early is asked for its reason later."""
    try:
        with process.stdin or io.BytesIO() as pipe:  # it has one: it was asked for
            for block in blocks(stream):
                pipe.write(block)
    except BrokenPipeError:
        pass
    except BaseException:
        process.kill()
        raise
    finally:
        process.wait()
