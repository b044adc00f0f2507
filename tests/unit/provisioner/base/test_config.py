"""The configuration: complete without a file, and everything wrong with one at once."""

from __future__ import annotations

from ipaddress import IPv4Address
from pathlib import Path

import pytest

from provisioner.base.config import EXAMPLE, Config, database_url, load_config, parse_listen, read_config
from provisioner.base.errors import InvalidError


def test_example_says_the_defaults() -> None:
    """The file that init writes changes nothing."""
    assert read_config(EXAMPLE) == Config() == read_config("")


def test_all_problems_at_once() -> None:
    """Each problem has its path; unknown keys have the nearest known one."""
    text = '[http]\nlisten = "nowhere"\nworkers = 0\nworker = 1\n[dns]\ndomain = "No Domain"\n[contract]\n'
    with pytest.raises(InvalidError) as error:
        read_config(text)
    found = {problem.where: problem for problem in error.value.problems}
    assert set(found) == {"http.listen", "http.workers", "http.worker", "dns.domain", "contract"}
    assert "'workers'" in found["http.worker"].hint
    assert "'contact'" in found["contract"].hint


def test_no_toml() -> None:
    """A file that is no TOML is refused with the line."""
    with pytest.raises(InvalidError, match="cannot be read") as error:
        read_config("[http\n")
    assert "line 1" in str(error.value.problems[0])


@pytest.mark.parametrize(
    "text", ["8080", ":8080", "0.0.0.0", "0.0.0.0:x", "0.0.0.0:70000", "host:80", "[::]:80"]
)
def test_listen_refuses(text: str) -> None:
    """Only an IPv4 address and a port are somewhere to listen."""
    with pytest.raises(ValueError, match=r"ADDRESS:PORT|no port"):
        parse_listen(text)


@pytest.mark.parametrize("name", ["", "a/b", "sixteen-letters-", "eth0:1", "a b"])
def test_an_interface_has_a_name_that_the_kernel_takes(name: str) -> None:
    """Else it is no slip of the network, but of the hand."""
    with pytest.raises(InvalidError) as caught:
        read_config(f'[network]\ninterfaces = ["eth1", "{name}"]')
    assert [problem.where for problem in caught.value.problems] == ["network.interfaces.1"]


def test_listen() -> None:
    """Address and port; 0 for any free port."""
    assert parse_listen("127.0.0.1:0") == (IPv4Address("127.0.0.1"), 0)


def test_home_without_a_file(tmp_path: Path) -> None:
    """No file means the defaults, and the database beside it."""
    config = load_config(tmp_path)
    assert config == Config()
    assert database_url(tmp_path, config) == f"sqlite:///{tmp_path}/clonesys.db"
