"""Links between the documents lead somewhere."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[3]
PAGES = sorted([ROOT / "README.md", *(ROOT / "docs").rglob("*.md")])
LINK = re.compile(r"\[[^\]]*\]\(([^)\s]+)\)")
HEADING = re.compile(r"^#{1,6} +(.+?) *$", re.MULTILINE)
MENTIONED = re.compile(r"\bdocs/(?:[a-z-]+/)*[\w-]+\.md\b")
FENCED = re.compile(r"^```.*?^```$", re.MULTILINE | re.DOTALL)


def prose(page: Path) -> str:
    """A page without its examples."""
    return FENCED.sub("", page.read_text())


def anchor(heading: str) -> str:
    """What leads to a heading, as GitHub makes it: lower case, no punctuation, hyphens for spaces."""
    return re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-")


def anchors(page: Path) -> set[str]:
    """All of a page."""
    return {anchor(heading) for heading in HEADING.findall(prose(page))}


def links(page: Path) -> Iterator[str]:
    """Those that stay in the repository."""
    return (link for link in LINK.findall(prose(page)) if not re.match(r"[a-z]+:", link))


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(ROOT)))
def test_links_lead_to_files_and_headings(page: Path) -> None:
    """Every relative link of a page."""
    for link in links(page):
        path, _, fragment = link.partition("#")
        target = (page.parent / path) if path else page
        assert target.exists(), f"{link} leads nowhere"
        assert not fragment or fragment in anchors(target), f"{link}: there is no such heading"


def test_every_page_can_be_reached_from_the_index() -> None:
    """Following links from docs/README.md."""
    index = ROOT / "docs" / "README.md"
    seen, new = {index}, [index]
    while new:
        page = new.pop()
        found = {(page.parent / link.partition("#")[0]).resolve() for link in links(page)}
        for target in {path for path in found if path.suffix == ".md"} - seen:
            seen.add(target)
            new.append(target)
    assert {page for page in PAGES if page.name != "README.md"} - seen == set()


def test_documents_that_code_and_texts_mention_are_there() -> None:
    """By their path from the top of the repository."""
    folders = ("netboot", "initramfs", "provisioner", "templates", "tests", "docs")
    texts = [path for name in folders for path in (ROOT / name).rglob("*") if path.suffix in {".py", ".md"}]
    for path in [*texts, ROOT / "README.md", ROOT / "CHANGELOG.md"]:
        for mentioned in MENTIONED.findall(path.read_text()):
            assert (ROOT / mentioned).exists(), f"{path.relative_to(ROOT)} mentions {mentioned}"


def test_headings_become_anchors() -> None:
    """Code and punctuation go, words stay."""
    assert anchor("What `--home` holds, and why") == "what---home-holds-and-why"
