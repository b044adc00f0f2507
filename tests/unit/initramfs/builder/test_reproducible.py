"""The parts whose output could differ from run to run: compression and python."""

import io
import subprocess
import sys
from pathlib import Path

import pytest
import zstandard

from initramfs.builder import python
from initramfs.builder.archive import compress
from initramfs.builder.errors import BuildError
from initramfs.builder.python import agent_entries


def compressed(pieces: list[bytes], threads: int) -> bytes:
    """What the builder writes."""
    target = io.BytesIO()
    compress(pieces, target, threads=threads)
    return target.getvalue()


def test_neither_threads_nor_pieces_change_the_bytes() -> None:
    """A machine with more processors builds the same image."""
    data = b"".join(bytes([n % 251, n % 7]) for n in range(400_000))
    one = compressed([data], 1)
    assert one == compressed([data[:1000], data[1000:]], 4)
    assert zstandard.ZstdDecompressor().decompressobj().decompress(one) == data


def test_the_kernel_need_not_spare_more_than_eight_mebibytes() -> None:
    """The window that the kernel has to allocate while it unpacks."""
    frame = compressed([bytes(20 << 20)], 2)
    assert zstandard.get_frame_parameters(frame).window_size <= 8 << 20


def test_the_agent_layer_is_the_same_every_time() -> None:
    """Two compilations by two processes give the same bytes; no source is left."""
    first, second = list(agent_entries()), list(agent_entries())
    assert {entry.path: entry.data for entry in first} == {entry.path: entry.data for entry in second}
    assert not [entry.path for entry in first if entry.path.endswith(".py")]


def test_bytecode_runs_without_its_source(tmp_path: Path) -> None:
    """And names its place in the image, not in the folder where it was made."""
    (tmp_path / "lib").mkdir()
    (tmp_path / "lib/thing.py").write_text("print(__file__, (lambda: 0).__code__.co_filename)\n")
    python.compile_tree(tmp_path, ["lib"])
    command = [
        sys.executable,
        "-c",
        f"import sys; sys.path.insert(0, {str(tmp_path / 'lib')!r}); import thing",
    ]
    said = subprocess.run(command, capture_output=True, text=True, check=True).stdout
    assert said.split() == [str(tmp_path / "lib/thing.pyc"), "/lib/thing.py"]


def test_another_python_is_refused(tmp_path: Path) -> None:
    """Bytecode of one version is useless to another."""
    (tmp_path / "usr/bin").mkdir(parents=True)
    (tmp_path / "usr/bin/python3.4").touch()
    with pytest.raises(BuildError, match=r"python3\.4"):
        python.check_version(tmp_path)
