"""What a file name in a TFTP request means. Pure."""

from __future__ import annotations

import re

from netboot.errors import ProtocolError

_PROBES = re.compile(
    r"""(^|/)(
        revocations[^/]*\.efi | shim_certificate[^/]*\.efi | mok.*\.efi  # shim
      | grub\.cfg[^/]* | grub[^/]*\.lst | command\.lst | [^/]*\.mod       # GRUB
      | pxelinux\.cfg/.* | [^/]*\.c32 | ldlinux[^/]*                      # Syslinux
      | autoexec\.ipxe                                                    # iPXE
      | bootcode\.bin | bootsig\.bin | config\.txt | start[^/]*\.elf       # Raspberry Pi
    )$""",
    re.VERBOSE,
)


def normalise(name: str) -> str:
    r"""``\EFI\x.efi`` → ``EFI/x.efi``, ``//pxe//x`` → ``pxe/x``.

    Firmware and shim write backslashes and stray slashes. Raises ProtocolError for a
    name that is empty, climbs with ``..`` or holds control characters.
    """
    parts = [part for part in name.replace("\\", "/").split("/") if part not in ("", ".")]
    if not parts or ".." in parts or not name.isprintable():
        raise ProtocolError(f"refused file name {name!r:.80}")
    return "/".join(parts)


def is_probe(name: str) -> bool:
    """Whether loaders ask for ``name`` in normal operation, on the chance that it exists."""
    return _PROBES.search(name.casefold()) is not None
