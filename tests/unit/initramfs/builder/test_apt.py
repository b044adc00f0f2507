"""apt with a state of its own, against a small archive made here."""

import subprocess
from pathlib import Path

import pytest

from initramfs.builder.apt import Apt, Package, parse_uris, recall, record
from initramfs.builder.errors import CommandError
from initramfs.builder.spec import Spec, parse

TABLES = ("packages", "absent", "programs", "libraries", "links", "modules", "unwanted_modules", "remove")
EMPTY: dict[str, object] = {
    "suite": "bookworm",
    "architecture": "amd64",
    **{name: {} for name in (*TABLES, "python", "filesystems")},
}

KMOD = (Package("kmod", "30-1", "kmod_30-1_amd64.deb", 95180),)
PACKAGES = {"agent": "runtime, docs-viewer", "runtime": "", "docs-viewer": "browser", "browser": ""}


@pytest.fixture
def archive(tmp_path: Path) -> str:
    """Sources that name an archive of four packages: agent → runtime, docs-viewer → browser."""
    pool = tmp_path / "pool"
    index = ""
    for name, needs in PACKAGES.items():
        control = (
            f"Package: {name}\nVersion: 1:1.0-1\nArchitecture: all\nMaintainer: a <a@b>\nDescription: x\n"
        )
        control += f"Depends: {needs}\n" if needs else ""
        root = tmp_path / name
        (root / "DEBIAN").mkdir(parents=True)
        (root / "DEBIAN/control").write_text(control)
        pool.mkdir(exist_ok=True)
        file = pool / f"{name}_1.0-1_all.deb"
        subprocess.run(["dpkg-deb", "--build", root, file], check=True, capture_output=True)
        digest = subprocess.run(["sha256sum", file], check=True, capture_output=True, text=True).stdout[:64]
        index += f"{control}Filename: {file.name}\nSize: {file.stat().st_size}\nSHA256: {digest}\n\n"
    (pool / "Packages").write_text(index)
    return f"Types: deb\nUris: file:{pool}\nSuites: ./\nTrusted: yes\n"


def wanted(*absent: str) -> Spec:
    """A spec that asks for the package agent."""
    return parse({**EMPTY, "packages": {"agent": "reason"}, "absent": dict.fromkeys(absent, "reason")})


def test_dependencies_come_along_but_not_those_of_absent_packages(archive: str, tmp_path: Path) -> None:
    """What this machine has installed plays no part; what is declared absent takes its dependencies away."""
    apt = Apt(tmp_path / "apt", "amd64")
    apt.refresh(archive)
    assert [p.name for p in apt.resolve(wanted())] == sorted(PACKAGES)
    assert [p.name for p in apt.resolve(wanted("docs-viewer"))] == ["agent", "runtime"]


def test_packages_are_fetched_once_and_forgotten_when_unused(archive: str, tmp_path: Path) -> None:
    """The second download touches nothing; a package that is not wanted any more goes."""
    apt = Apt(tmp_path / "apt", "amd64")
    apt.refresh(archive)
    packages = apt.resolve(wanted("docs-viewer"))
    files = apt.download(packages)
    times = [file.stat().st_mtime_ns for file in files]
    assert [file.stat().st_mtime_ns for file in apt.download(packages)] == times
    assert apt.resolve(wanted("docs-viewer")) == packages
    apt.prune(packages[:1])
    assert [file.exists() for file in files] == [True, False]


def test_an_archive_out_of_reach_is_an_error_to_paste(tmp_path: Path) -> None:
    """The message is the command that failed and apt's own last words."""
    with pytest.raises(CommandError, match=r"apt-get .*update"):
        Apt(tmp_path / "apt", "amd64").refresh(
            f"Types: deb\nUris: file:{tmp_path}/nowhere\nSuites: ./\nTrusted: yes\n"
        )


def test_apts_answer_is_read() -> None:
    """Versions have their colon back; other lines are passed by."""
    name = "libgmp10_2%3a6.2.1-1_amd64.deb"
    text = f"Reading…\n'http://h/x/{name}' {name} 562588 MD5Sum:00\n"
    assert parse_uris(text) == (Package("libgmp10", "2:6.2.1-1", "libgmp10_2%3a6.2.1-1_amd64.deb", 562588),)


def test_an_answer_is_remembered_with_its_age() -> None:
    """To the same question only."""
    text = record(KMOD, "question", now=100.0)
    assert recall(text, "question", now=160.0) == (KMOD, 60.0)
    assert recall(text, "another", now=160.0) == ((), 0.0)


def test_nothing_is_remembered_at_first() -> None:
    """An empty cache is no error."""
    assert recall("", "question", now=0.0) == ((), 0.0)
