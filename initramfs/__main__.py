"""The builder alone: ``python -m initramfs build --output DIR --public-key FILE``."""

from __future__ import annotations

import argparse
import shutil
import sys
from pathlib import Path
from typing import TextIO

from initramfs.builder.build import build
from initramfs.builder.errors import BuildError
from initramfs.builder.spec import DEFAULT, load

CACHE = Path("build/cache/initramfs")


def main(arguments: list[str] | None = None) -> int:
    """Parse, build, copy; the exit status."""
    wanted = _parser().parse_args(arguments)
    try:
        built = build(
            load(wanted.spec),
            wanted.cache,
            public_key=wanted.public_key.read_bytes(),
            refresh=wanted.refresh,
            report=lambda line: _say(line, sys.stderr),
        )
        wanted.output.mkdir(parents=True, exist_ok=True)
        shutil.copyfile(built.kernel, wanted.output / "vmlinuz")
        shutil.copyfile(built.initramfs, wanted.output / "initramfs.img")
    except (BuildError, OSError) as error:
        _say(f"error: {error}", sys.stderr)
        if hint := getattr(error, "hint", ""):
            _say(f"hint: {hint}", sys.stderr)
        return 1
    _say(f"{wanted.output}: kernel {built.release}, initramfs {built.size / 2**20:.1f} MiB", sys.stdout)
    return 0


def _say(line: str, stream: TextIO) -> None:
    print(line, file=stream, flush=True)


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m initramfs", description=__doc__)
    command = parser.add_subparsers(required=True).add_parser("build", help="build the kernel and initramfs")
    command.add_argument("--output", type=Path, required=True, help="folder for vmlinuz and initramfs.img")
    command.add_argument("--public-key", type=Path, required=True, help="the appliance's public key")
    command.add_argument("--spec", type=Path, default=DEFAULT, help="what the image holds (%(default)s)")
    command.add_argument("--cache", type=Path, default=CACHE, help="kept between builds (%(default)s)")
    command.add_argument("--refresh", action="store_true", help="ask the archive for newer packages now")
    return parser


if __name__ == "__main__":
    sys.exit(main())
