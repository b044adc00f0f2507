"""A small Debian, the system that the lab clones: enough to boot, get an address and show a login prompt.

Made from the package sources that this host itself is configured for. Root is locked: that
``<hostname> login:`` appears is the proof, and nobody needs to get in.
"""

from __future__ import annotations

import platform
from pathlib import Path
from typing import TYPE_CHECKING

from initramfs.builder.sources import host_sources
from tests.images.filesystems import EPOCH
from tests.lab.cache import ROOT, cached
from tests.lab.command import run

if TYPE_CHECKING:
    from collections.abc import Iterator

OVERLAY = ROOT / "tests" / "data" / "debian"
"""Files put over the packages' own: host name, network, which drivers the initrd holds."""

PACKAGES = (
    "linux-image-cloud-amd64",  # the kernel for virtual machines: a third of the drivers
    "initramfs-tools",
    "zstd",  # compresses the initrd
    "systemd-sysv",
    "udev",
    "iproute2",
    "login",
    "bash",
)

# dpkg never unpacks these: what is not on the disk need not be cloned under emulation.
EXCLUDED = (
    "/usr/share/doc/*",
    "/usr/share/man/*",
    "/usr/share/locale/*",
    "/usr/share/info/*",
    "/usr/share/lintian/*",
    "/usr/share/bash-completion/*",
    "/usr/lib/udev/hwdb.d/*",  # 20 MB of names for hardware that a virtual machine has not
    "/usr/lib/*/gconv/*",  # character sets of the past
    "/lib/modules/*/kernel/arch/x86/kvm/*",
    *(
        f"/lib/modules/*/kernel/{subsystem}/*"
        for subsystem in (
            "sound",
            "drivers/net",
            "drivers/gpu",
            "drivers/infiniband",
            "fs/[bcgjnoqrsux]*",
            "net",
        )
    ),
)
INCLUDED = (
    "/usr/share/doc/*/copyright",
    "/lib/modules/*/kernel/drivers/net/virtio_net.ko",
    "/lib/modules/*/kernel/drivers/net/net_failover.ko",
    "/lib/modules/*/kernel/net/core/*",
)


def codename() -> str:
    """The Debian release that this machine runs (os-release(5))."""
    return platform.freedesktop_os_release()["VERSION_CODENAME"]


def tarball() -> Path:
    """The root file system as a tar archive, made once per recipe (half a minute).

    Raises initramfs.builder.errors.SourceError on a host without Debian's own package sources.
    """
    return cached("debian.tar", (Path(__file__), OVERLAY, host_sources(codename())), _make)


def _make(target: Path) -> None:
    options = (
        "--variant=essential",
        "--hook-dir=/usr/share/mmdebstrap/hooks/merged-usr",  # else usrmerge comes, and all of Perl
        "--format=tar",
        f"--include={','.join(PACKAGES)}",
        *_filters(),
        f"--essential-hook=sync-in '{OVERLAY}' /",
        '--customize-hook=systemctl --root="$1" enable systemd-networkd',
    )
    release = platform.freedesktop_os_release()["VERSION_CODENAME"]
    now = f"SOURCE_DATE_EPOCH={EPOCH}"
    run("env", now, "mmdebstrap", *options, release, target, "-", stdin=host_sources(codename()))


def _filters() -> Iterator[str]:
    yield from (f"--dpkgopt=path-exclude={pattern}" for pattern in EXCLUDED)
    yield from (f"--dpkgopt=path-include={pattern}" for pattern in INCLUDED)
