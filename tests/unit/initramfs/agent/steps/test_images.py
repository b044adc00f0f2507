"""Manifests as the agent gets them: by digest, and only the image that the job names."""

from __future__ import annotations

import hashlib
from pathlib import Path

import pytest

from initramfs.agent.errors import AgentError, TrustError
from initramfs.agent.fetch import Appliance, Clock
from initramfs.agent.pipeline import Context
from initramfs.agent.steps.images import fetch
from initramfs.imaging.errors import ManifestError
from initramfs.imaging.format.header import Header, Kind
from initramfs.imaging.format.signed import encode
from initramfs.messages import ImageRef
from tests.clients.chunk_server import serving
from tests.images.in_memory import KEY, MIB, PUBLIC

FILE = encode(Header("sda5_Data", 2, Kind.PARTITION, 512, MIB, MIB), [], KEY)
DIGEST = hashlib.sha256(FILE).digest()
OTHER = hashlib.sha256(b"other").digest()


def fetched(home: Path, ref: ImageRef) -> str:
    """The title of what an appliance gives that has this one manifest, under both digests."""
    folder = home / "api/v1/agent/manifests"
    folder.mkdir(parents=True)
    for name in (DIGEST, OTHER):
        (folder / name.hex()).write_bytes(FILE)
    with serving(home) as server:
        appliance = Appliance(server.url, Clock(lambda: 0.0, lambda _seconds: None))
        try:
            return fetch(Context(appliance, PUBLIC), ref).title
        finally:
            appliance.close_all()


def test_the_image_that_the_job_names(tmp_path: Path) -> None:
    """Name, generation and digest agree."""
    assert fetched(tmp_path, ImageRef("sda5_Data", 2, DIGEST)) == "sda5_Data@2"


@pytest.mark.parametrize(
    ("ref", "error"),
    [
        (ImageRef("sda5_Data", 2, OTHER), TrustError),
        (ImageRef("sda5_Other", 2, DIGEST), ManifestError),
        (ImageRef("sda5_Data", 3, DIGEST), ManifestError),
    ],
)
def test_another_one_is_refused(tmp_path: Path, ref: ImageRef, error: type[AgentError]) -> None:
    """Also one that is signed, but lay in the store under another name or as another generation."""
    with pytest.raises(error, match=f"{ref.name}@{ref.generation}"):
        fetched(tmp_path, ref)
