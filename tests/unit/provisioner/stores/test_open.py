"""Stores by their URLs, and the store that an appliance is configured to use."""

from __future__ import annotations

from pathlib import Path

import pytest

from provisioner.base.errors import InvalidError
from provisioner.base.home import Home
from provisioner.stores.directory.store import DirectoryStore
from provisioner.stores.errors import StoreError
from provisioner.stores.open import chunk_folder, open_store, store_of


@pytest.mark.parametrize("url", ["/srv/images", "file:///srv/images", "file:///srv/im%61ges"])
def test_a_directory_is_named_by_path_or_url(url: str) -> None:
    """Both mean the same."""
    store = open_store(url)
    assert isinstance(store, DirectoryStore)
    assert store.root == Path("/srv/images")


@pytest.mark.parametrize(
    ("url", "message"),
    [
        ("s3://bucket/images", "s3://bucket/images cannot be opened: there is no store of the kind 's3'"),
        ("file://server/images", "names no directory"),
    ],
)
def test_every_other_kind_is_refused_by_name(url: str, message: str) -> None:
    """With what can be named instead."""
    with pytest.raises(StoreError, match=message) as caught:
        open_store(url)
    assert "file:///path" in caught.value.hint


@pytest.mark.parametrize(
    ("text", "folder"),
    [
        (None, "store"),
        ("", "store"),
        ('# store = "/elsewhere"\n', "store"),
        ('store = "HOME/images"\n', "images"),
        ('store = "file://HOME/images"\n', "images"),
    ],
)
def test_an_appliance_has_one_store(tmp_path: Path, text: str | None, folder: str) -> None:
    """The configured one, else that in its home directory."""
    if text is not None:
        Home(tmp_path).config.write_text(text.replace("HOME", str(tmp_path)))
    store = store_of(tmp_path)
    assert isinstance(store, DirectoryStore)
    assert store.root == tmp_path / folder
    assert chunk_folder(tmp_path) == tmp_path / folder / "chunks"


@pytest.mark.parametrize("text", ['store = "s3://bucket"', 'store = "images"', "store = 1", "store = ["])
def test_a_configured_store_is_checked(tmp_path: Path, text: str) -> None:
    """No other store is used instead."""
    Home(tmp_path).config.write_text(text)
    with pytest.raises(InvalidError):
        store_of(tmp_path)
