"""``clonesys image``, as people and scripts call it."""

from __future__ import annotations

import json
import random
import threading
from collections.abc import Callable, Iterator
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest
import typer
from typer.testing import CliRunner, Result

from initramfs.errors import ExplainedError
from initramfs.imaging.restore.boot_critical import encode_marker
from provisioner.base.errors import ProvisionerError
from provisioner.base.home import Home
from provisioner.cli import app
from tests.images.image_command import create_home
from tests.images.in_memory import MIB

Call = Callable[..., str]
Invoke = Callable[..., Result]


@pytest.fixture
def home(tmp_path: Path) -> Path:
    """An appliance with keys and nothing else."""
    create_home(tmp_path / "home")
    return tmp_path / "home"


@pytest.fixture
def invoke(home: Path) -> Invoke:
    """Runs one command, whatever becomes of it."""

    def run(*arguments: str | Path, answer: str = "") -> Result:
        return CliRunner().invoke(app, ["--home", str(home), "image", *map(str, arguments)], input=answer)

    return run


@pytest.fixture
def call(invoke: Invoke) -> Call:
    """Runs one command and returns what it printed; raises what it raises."""

    def run(*arguments: str | Path, answer: str = "") -> str:
        result = invoke(*arguments, answer=answer)
        if result.exception is not None and not isinstance(result.exception, SystemExit):
            raise result.exception
        if result.exit_code:
            raise typer.Exit(result.exit_code)
        return result.stdout

    return run


@pytest.fixture
def raw(tmp_path: Path) -> Path:
    """A file with 2 MiB of noise and 1 MiB of zeros."""
    (tmp_path / "raw").write_bytes(random.Random(1).randbytes(2 * MIB) + bytes(MIB))
    return tmp_path / "raw"


def as_json(text: str) -> Any:
    """What a program reads."""
    return json.loads(text)


def test_there_and_back(call: Call, raw: Path, tmp_path: Path) -> None:
    """Captured, listed, shown, verified, restored: with numbers for programs."""
    done = as_json(call("capture", raw, "sda5_Data", "--description", "noise", "--user", "anna", "--json"))
    assert done["image"] == "sda5_Data@1"
    assert done["bytes_read"] == 3 * MIB
    assert done["bytes_sent"] == done["bytes_written"] > 2 * MIB
    assert done["seconds"] >= 0
    (listed,) = as_json(call("list", "--json"))
    assert (listed["name"], listed["user"], listed["digest"]) == ("sda5_Data", "anna", done["digest"])
    assert as_json(call("show", "sda5_Data", "--json"))["description"] == "noise"
    assert as_json(call("verify", "--json"))["ok"]
    back = as_json(call("restore", "sda5_Data", tmp_path / "new", "--json"))
    assert back["chunks_verified"] == back["chunks_total"] == 2
    assert (tmp_path / "new").read_bytes() == raw.read_bytes()
    again = as_json(call("restore", "sda5_Data", tmp_path / "new", "--delta", "--yes", "--json"))
    assert (again["bytes_fetched"], again["bytes_written"], again["bytes_skipped"]) == (0, 0, 3 * MIB)


def test_it_reads_well(call: Call, raw: Path, tmp_path: Path) -> None:
    """One line for what was done; tables for what there is."""
    assert call("capture", raw, "sda5_Data").startswith("sda5_Data@1: 3.0 MiB read, 2.0 MiB transferred")
    assert "sda5_Data@1" in call("list")
    assert "size:" in call("show", "sda5_Data@1")
    assert "all whole" in call("verify", "sda5_Data")
    assert "written" in call("export", "sda5_Data", tmp_path / "out")
    assert "sda5_Copy@1" in call("import", tmp_path / "out", "sda5_Copy", "--format", "raw")


def test_what_an_import_of_the_file_will_need_is_said(
    call: Call, invoke: Invoke, raw: Path, tmp_path: Path
) -> None:
    """Content without a file system looks like nothing."""
    call("capture", raw, "sda5_Data")
    assert "import it with --format raw" in invoke("export", "sda5_Data", tmp_path / "out").stderr
    assert as_json(call("export", "sda5_Data", tmp_path / "two", "--json"))["import_needs"] == "--format raw"


def test_what_cannot_be_decoded_becomes_a_question_mark(call: Call, raw: Path) -> None:
    """Bytes that are no UTF-8, in an argument or a file's name: no other reader could hold them."""
    odd = raw.rename(raw.with_name("caf\udce9"))
    call("capture", odd, "sda5_Data", "--description", "caf\udce9")
    shown = as_json(call("show", "sda5_Data", "--json"))
    assert shown["description"] == "caf?"
    assert shown["origin"].endswith("/caf?")


def test_what_an_image_says_does_not_steer_the_terminal(call: Call, raw: Path) -> None:
    """Whoever describes an image writes on the screens of all who list it."""
    call("capture", raw, "sda5_Data", "--description", "Dätä \x1b[31mred\a\x7f\x9b\u202e\n")
    for said in (call("list"), call("show", "sda5_Data")):
        assert r"Dätä \x1b[31mred\x07\x7f\x9b\u202e\n" in said
        assert all(line.isprintable() for line in said.splitlines())


def test_neither_does_what_a_disk_says(call: Call, invoke: Invoke, raw: Path, tmp_path: Path) -> None:
    """The reason why the last restore did not end is whatever its first sector holds."""
    call("capture", raw, "sda5_Data")
    (tmp_path / "target").write_bytes(encode_marker("\x1b[31mred").ljust(3 * MIB, b"\0"))
    done = invoke("restore", "sda5_Data", tmp_path / "target", "--yes")
    assert r"did not end: \x1b[31mred" in done.stderr


def test_a_target_with_content_is_asked_about(call: Call, raw: Path, tmp_path: Path) -> None:
    """Unless --yes; a no changes nothing."""
    call("capture", raw, "sda5_Data")
    old = tmp_path / "old"
    old.write_bytes(b"x" * 3 * MIB)
    with pytest.raises(ProvisionerError, match="not agreed to, and nothing was done"):
        call("restore", "sda5_Data", old, answer="n\n")
    assert old.read_bytes() == b"x" * 3 * MIB
    with pytest.raises(ProvisionerError, match="cannot be answered here") as caught:
        call("restore", "sda5_Data", old)
    assert caught.value.hint == "add --yes"
    assert old.read_bytes() == b"x" * 3 * MIB
    call("restore", "sda5_Data", old, answer="y\n")
    assert old.read_bytes() == raw.read_bytes()


def test_a_bad_chunk_is_told(call: Call, raw: Path, home: Path) -> None:
    """With the image that needs it, and a failure for scripts."""
    call("capture", raw, "sda5_Data")
    victim = next(path for path in (Home(home).store / "chunks").glob("*/*") if path.is_file())
    victim.write_bytes(b"garbage")
    with pytest.raises(ProvisionerError, match="1 chunks are corrupt"):
        call("verify", "--set-aside")
    call("capture", raw, "sda5_Data")
    assert "all whole" in call("verify")


@pytest.mark.parametrize("content", [b"", b"CLSYIMG1 and more", None], ids=["empty", "damaged", "another's"])
def test_a_bad_manifest_is_named(
    call: Call, invoke: Invoke, raw: Path, home: Path, content: bytes | None
) -> None:
    """What can be done without it is done; nothing is deleted that it may need."""
    call("capture", raw, "sda6_Good")
    bad = Home(home).store / "manifests/sda5_Bad/1"
    bad.parent.mkdir()
    bad.write_bytes((bad.parents[1] / "sda6_Good/1").read_bytes() if content is None else content)
    for command in ("list", "verify"):
        done = invoke(command, "--json")
        assert isinstance(done.exception, ProvisionerError)
        assert done.exception.message.startswith("sda5_Bad@1: ")
        assert "image rm" in done.exception.hint
        assert as_json(done.stdout)
    assert not as_json(done.stdout)["ok"]
    assert as_json(done.stdout)["chunks"] == 2
    for arguments in (("gc",), ("show", "sda5_Bad"), ("verify", "sda5_Bad")):
        with pytest.raises(ExplainedError, match=r"^sda5_Bad@1: "):
            call(*arguments)
    assert as_json(call("rm", "sda5_Bad", "--yes", "--json"))
    assert "all whole" in call("verify")
    assert as_json(call("gc", "--json"))["chunks"] == 0


def test_images_are_removed_with_their_chunks(call: Call, raw: Path) -> None:
    """First the name, then what nobody needs."""
    call("capture", raw, "sda5_Data")
    call("capture", raw, "sda5_Data")
    call("rm", "sda5_Data@1", "--yes")
    assert as_json(call("gc", "--json"))["chunks"] == 0
    assert as_json(call("rm", "sda5_Data", "--all", "--yes", "--json")) == {"removed": ["sda5_Data@2"]}
    assert "2 chunks deleted" in call("gc")
    assert as_json(call("list", "--json")) == []


@pytest.fixture
def server(home: Path) -> Iterator[str]:
    """The appliance's home behind a real HTTP server; its URL."""

    class Quiet(SimpleHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def log_message(self, *_: object) -> None:
            """Nothing."""

    with ThreadingHTTPServer(("127.0.0.1", 0), partial(Quiet, directory=str(home))) as http:
        http.daemon_threads = True
        thread = threading.Thread(target=http.serve_forever)
        thread.start()
        yield f"http://127.0.0.1:{http.server_port}"
        http.shutdown()
        thread.join()


def test_chunks_come_over_http(call: Call, raw: Path, tmp_path: Path, server: str) -> None:
    """The manifest is the local one: it says what is right."""
    call("capture", raw, "sda5_Data")
    done = as_json(call("restore", "sda5_Data", tmp_path / "new", "--from", server, "--json"))
    assert done["chunks_fetched"] == 2
    assert (tmp_path / "new").read_bytes() == raw.read_bytes()


@pytest.mark.parametrize(
    "arguments",
    [
        ("capture", "/nowhere", "sda5_Data"),
        ("capture", "RAW", "../x"),
        ("capture", "RAW", "sda5_Data", "--partition", "1"),
        ("capture", "RAW", "sda5_Data", "--chunk-size", "1000"),
        ("restore", "sda9_No", "/nowhere"),
        ("restore", "sda5_There", "/nowhere/new"),
        ("restore", "sda5_There", "NEW", "--from", "ftp://x"),
        ("restore", "sda5_There", "NEW", "--from", "http://"),
        ("restore", "sda5_There", "NEW", "--from", "http://127.0.0.1:x"),
        ("restore", "sda5_There", "NEW", "--grow", "x"),
        ("show", "sda5_There@7"),
        ("import", "/nowhere.gz", "sda5_Data"),
        ("verify", "sda9_No"),
        ("rm", "sda9_No"),
    ],
)
def test_what_cannot_be_done_is_said_with_a_hint(
    call: Call, raw: Path, tmp_path: Path, arguments: tuple[str, ...]
) -> None:
    """Never a traceback: our own errors only."""
    call("capture", raw, "sda5_There")
    names = {"RAW": raw, "NEW": tmp_path / "new"}
    with pytest.raises((ProvisionerError, ExplainedError)):
        call(*(names.get(a, a) for a in arguments))
    assert not (tmp_path / "new").exists()


def test_a_wrong_chunk_size_is_told_first(call: Call) -> None:
    """Before a disk has been read for an hour: here the source is not even there."""
    with pytest.raises(ProvisionerError, match="a chunk cannot have 1000 KiB"):
        call("capture", "/nowhere", "sda5_Data", "--chunk-size", "1000")


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (("import", "/nowhere.gz", "sda5_Data"), "there is no /nowhere.gz"),
        (("export", "sda5_There", "/nowhere/file"), "there is no folder /nowhere"),
    ],
)
def test_a_missing_file_is_not_blamed_on_the_store(
    call: Call, raw: Path, arguments: tuple[str, ...], message: str
) -> None:
    """Who mistyped a name is told which."""
    call("capture", raw, "sda5_There")
    with pytest.raises(ProvisionerError, match=message) as caught:
        call(*arguments)
    assert caught.value.hint
