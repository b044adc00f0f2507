"""The description of the image."""

import pytest

from initramfs.builder.errors import SpecError
from initramfs.builder.spec import load, parse

TABLES = ("packages", "absent", "programs", "libraries", "links", "modules", "unwanted_modules", "remove")
EMPTY: dict[str, object] = {
    "suite": "bookworm",
    "architecture": "amd64",
    **{name: {} for name in (*TABLES, "python", "filesystems")},
}


def test_our_own_description_is_right() -> None:
    """It loads, and it holds what the agent cannot do without."""
    spec = load()
    assert {"sfdisk", "partclone.ext4", "mount", "modprobe", "ip", "busybox"} <= spec.programs.keys()
    assert spec.programs["sfdisk"].test == ("--version",)
    assert "cryptography.hazmat.primitives.asymmetric.ed25519" in spec.python


def test_all_errors_come_at_once() -> None:
    """An unknown table, a missing reason and a wrong type in one message."""
    wrong = {**EMPTY, "packages": {"python3": ""}, "surprise": {}, "programs": {"x": 3}}
    with pytest.raises(SpecError) as caught:
        parse(wrong)
    assert all(word in caught.value.message for word in ("packages.python3", "surprise", "programs.x"))


def test_the_digest_follows_the_content() -> None:
    """Equal specs, equal digests; one more package, another digest."""
    spec = parse(EMPTY)
    assert spec.digest() == parse(dict(reversed(EMPTY.items()))).digest()
    assert spec.digest() != parse({**EMPTY, "packages": {"python3": "the agent"}}).digest()


def test_words_in_braces_are_the_suites_and_the_architectures() -> None:
    """In keys and in values, at any depth."""
    wanted = {
        "packages": {"{kernel}": "drivers"},
        "links": {"usr/bin/python": {"to": "{python}", "why": "a short name"}},
    }
    spec = parse({**EMPTY, **wanted})
    assert list(spec.packages) == ["linux-image-amd64"]
    assert spec.links["usr/bin/python"].to == "python3.11"


@pytest.mark.parametrize(
    "wrong",
    [
        {"suite": "sarge"},
        {"architecture": "m68k"},
        {"packages": {"{surprise}": "an unknown word"}},
        {"packages": {"{": "no word at all"}},
    ],
)
def test_unknown_suites_and_words_are_refused(wrong: dict[str, object]) -> None:
    """By name, and with what is known."""
    with pytest.raises(SpecError) as caught:
        parse({**EMPTY, **wrong})
    assert "known: " in caught.value.hint
