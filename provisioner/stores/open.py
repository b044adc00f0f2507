"""A store by its URL, and the store of an appliance. Only this module knows which kinds there are."""

from __future__ import annotations

import tomllib
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING
from urllib.parse import SplitResult, unquote, urlsplit

from provisioner.base.home import Home
from provisioner.stores.directory.store import DirectoryStore
from provisioner.stores.errors import StoreError

if TYPE_CHECKING:
    from provisioner.stores.protocols import ApplianceStore


def _directory(url: SplitResult) -> DirectoryStore:
    if url.netloc or not url.path.startswith("/"):
        raise StoreError(f"{url.geturl()} names no directory", "write file:///path")
    return DirectoryStore(Path(unquote(url.path)))


OPENERS: dict[str, Callable[[SplitResult], ApplianceStore]] = {"file": _directory}
"""The kinds of stores, by the scheme of their URLs. A text without a scheme is a directory's path."""


def open_store(url: str) -> ApplianceStore:
    """The store at a path, or at ``file:///path``. Raises StoreError for every other kind."""
    if "://" not in url:
        return DirectoryStore(Path(url))
    parts = urlsplit(url)
    if parts.scheme not in OPENERS:
        raise StoreError(
            f"{url} cannot be opened: there is no store of the kind {parts.scheme!r}",
            "name a directory: /path or file:///path",
        )
    return OPENERS[parts.scheme](parts)


def store_of(home: Path) -> ApplianceStore:
    """The store of the appliance at ``home``, as its configuration says. Raises InvalidError, StoreError."""
    if not _configured(home):
        return open_store(str(Home(home).store))
    # Loaded here, because checking a configuration takes longer to load than many an image command works.
    from provisioner.base.config import load_config, store_url  # noqa: PLC0415 - see above

    return open_store(store_url(home, load_config(home)))


def chunk_folder(home: Path) -> Path:
    """Where the chunk objects of an appliance lie as files. Raises StoreError if its store has none."""
    store = store_of(home)
    if not isinstance(store, DirectoryStore):
        raise StoreError(
            "chunks cannot be served as files: the store is no directory", "see 'store' in clonesys.toml"
        )
    return store.places.chunks


def _configured(home: Path) -> bool:
    """Whether the configuration says something of the store, or cannot be read."""
    try:
        return "store" in tomllib.loads(Home(home).config.read_text())
    except FileNotFoundError:
        return False
    except (tomllib.TOMLDecodeError, UnicodeDecodeError):
        return True
