"""Debian's own entries among a machine's package sources."""

from initramfs.builder.sources import select

ONE_LINE = """\
# deb http://mirror.example/debian bookworm main
deb [signed-by=/usr/share/keyrings/debian.gpg arch=amd64,i386] http://mirror.example/debian bookworm main #
deb-src http://mirror.example/debian bookworm main
deb http://mirror.example/debian bookworm-backports main
deb https://other.example/apt bookworm-other main
deb https://docker.example/linux/debian bookworm stable
deb https://flat.example/ ./
deb cdrom:[Debian]/ bookworm main
"""
DEB822 = """\
Types: deb deb-src
# a comment in the middle
URIs: http://mirror.example/debian
Suites: bookworm bookworm-updates trixie
Components: main non-free-firmware
Signed-By:
 -----BEGIN PGP PUBLIC KEY BLOCK-----
 .
 key
 -----END PGP PUBLIC KEY BLOCK-----

Enabled: no
Types: deb
URIs: http://off.example/debian
Suites: bookworm
Components: main
"""


def test_only_debians_suites_and_main_are_taken() -> None:
    """Other repositories, suites, components, sources and media stay out."""
    assert select([("sources.list", ONE_LINE)], "bookworm") == (
        "Types: deb\n"
        "Uris: http://mirror.example/debian\n"
        "Suites: bookworm\n"
        "Components: main\n"
        "Signed-By: /usr/share/keyrings/debian.gpg\n"
        "Architectures: amd64 i386\n"
    )


def test_the_other_form_keeps_its_key() -> None:
    """A key inside the file survives; what is switched off stays off."""
    text = select([("debian.sources", DEB822)], "bookworm")
    assert "Suites: bookworm bookworm-updates\n" in text
    assert "Components: main\n" in text
    assert " -----END PGP PUBLIC KEY BLOCK-----\n" in text
    assert "off.example" not in text


def test_other_files_are_no_sources() -> None:
    """As apt, we ignore editors' leavings by their names."""
    assert select([("sources.list~", ONE_LINE), ("old.sources.save", DEB822)], "bookworm") == ""
