"""A Debian as large as a classroom's, and what happens to it in a year: real packages, really installed.

The system is the release as it was published; the changes are its security updates and some more programs,
downloaded once with it. Everything comes from the package sources that this host is configured for.
"""

from __future__ import annotations

import platform
import re
import shutil
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory

from initramfs.builder.sources import host_sources
from tests.images.debian import codename
from tests.lab.cache import cached
from tests.lab.command import run

PACKAGES = (
    "linux-image-amd64",  # with every driver: half of the bytes, as on a real machine
    "initramfs-tools",
    "zstd",
    "systemd-sysv",
    "udev",
    "iproute2",
    "openssh-server",
    "sudo",
    "git",
    "perl",
    "python3",
    "vim",
    "curl",
    "less",
    "bind9-dnsutils",
    "locales",
)


@dataclass(frozen=True, slots=True)
class Change:
    """One thing that is done to the system: packages brought up to date, added, or removed."""

    title: str
    verb: str
    packages: tuple[str, ...]


CHANGES = (
    Change("openssl upgraded", "upgrade", ("openssl", "libssl3")),
    Change("tmux added", "install", ("tmux",)),
    Change("perl upgraded", "upgrade", ("perl", "perl-base", "perl-modules-5.36", "libperl5.36")),
    Change("rsync added", "install", ("rsync",)),
    Change(
        "python upgraded",
        "upgrade",
        ("python3.11", "python3.11-minimal", "libpython3.11-minimal", "libpython3.11-stdlib"),
    ),
    Change("nginx added", "install", ("nginx-light",)),
    Change("vim removed", "remove", ("vim", "vim-runtime")),
    Change("bind9 tools upgraded", "upgrade", ("bind9-dnsutils", "bind9-host", "bind9-libs")),
    Change("gdb added", "install", ("gdb",)),
    Change("sqlite added", "install", ("sqlite3",)),
    Change("kernel upgraded", "install", ("linux-image-amd64",)),
)
"""Eleven, so that there are twelve generations. An upgrade that the archive does not have is no change."""

DOWNLOADED = "changes"
ROOT = "root"

DOWNLOAD = """\
set -eu
root=$1 sources=$2 into=$3
cp "$sources" "$root/etc/apt/sources.list.d/later.sources"
chroot "$root" apt-get -q -q update
chroot "$root" apt-get clean
number=0
while read -r verb packages; do
    number=$((number + 1))
    mkdir -p "$into/$number"
    [ "$verb" = remove ] && continue
    flags=$([ "$verb" = upgrade ] && echo --only-upgrade || true)
    # shellcheck disable=SC2086 # lists of words are meant
    chroot "$root" apt-get -q -q -y --no-install-recommends --download-only $flags install $packages
    find "$root/var/cache/apt/archives" -name '*.deb' -exec mv {} "$into/$number/" \\;
done
rm "$root/etc/apt/sources.list.d/later.sources"
"""


def archive() -> Path:
    """A tar archive of the system (``root/``) and of the packages of each change (``changes/N/``), made once.

    Takes minutes. Raises initramfs.builder.errors.SourceError on a host without Debian's own package sources.
    """
    return cached("bench-debian.tar", (Path(__file__), host_sources(codename())), _make)


def _make(target: Path) -> None:
    with TemporaryDirectory(dir=target.parent, prefix=".bench-") as name:
        folder = Path(name)
        folder.chmod(0o755)  # what runs inside as another user must be able to enter
        sources, script, list_ = folder / "later.sources", folder / "download.sh", folder / "list"
        sources.write_text(host_sources(codename()))
        script.write_text(DOWNLOAD)
        list_.write_text("".join(f"{c.verb} {' '.join(c.packages)}\n" for c in CHANGES))
        (folder / DOWNLOADED).mkdir()
        release = platform.freedesktop_os_release()["VERSION_CODENAME"]
        hook = f'sh {script} "$1" {sources} {folder / DOWNLOADED} < {list_}'
        options = ("--variant=important", "--format=directory", f"--include={','.join(PACKAGES)}")
        run(
            "mmdebstrap", *options, f"--customize-hook={hook}", release, folder / ROOT, "-",
            stdin=as_published(host_sources(codename())), within=1800,
        )  # fmt: skip
        run("tar", "-C", folder, "--numeric-owner", "-cf", target, ROOT, DOWNLOADED)


def as_published(sources: str) -> str:
    """Only the release itself of these package sources: neither updates nor security fixes."""
    stanzas = re.split(r"\n\n+", sources.strip())
    kept = (re.sub(r"^(Suites: \w+)\b.*$", r"\1", text, flags=re.MULTILINE) for text in stanzas)
    return "\n\n".join(text for text in kept if "security" not in text) + "\n"


def apply(change: int, root: Path, downloaded: Path) -> None:
    """Do the change with this number (from 1) to the system mounted at ``root``, with dpkg, as apt would."""
    inside = root / "var" / "cache" / "apt" / "archives" / "now"
    if CHANGES[change - 1].verb == "remove":
        _dpkg(root, "--remove", *CHANGES[change - 1].packages)
        return
    inside.mkdir()
    files = sorted((downloaded / str(change)).glob("*.deb"))
    for file in files:
        shutil.copy(file, inside)
    try:
        if files:
            _dpkg(root, "--unpack", *(f"/{(inside / file.name).relative_to(root)}" for file in files))
            _dpkg(root, "--configure", "--pending")
    finally:
        shutil.rmtree(inside)


def _dpkg(root: Path, *words: str) -> None:
    settings = ("DEBIAN_FRONTEND=noninteractive", "LC_ALL=C", "PATH=/usr/sbin:/usr/bin:/sbin:/bin")
    run("env", "-i", *settings, "unshare", "--mount", "chroot", root, "dpkg", "--force-confold", *words)
