"""Personalisation: what is written into a clone so that it is this host and no other."""

import subprocess
from dataclasses import replace
from pathlib import Path

import pytest

from initramfs.agent.errors import PlanError
from initramfs.agent.steps.host_files import changes
from initramfs.agent.steps.hosts_file import hosts_file
from initramfs.messages import Personalisation

WANTED = Personalisation(
    root=5,
    hostname="rifpc7",
    domain="lab",
    phone_home_url="http://10.0.0.1:8080/api/v1/phone-home",
    phone_home_token="t0",
)


def test_the_name_and_a_fresh_machine_id_are_always_written() -> None:
    """Clones that share a machine-id share a DHCP address."""
    files = {file.path: file.content for file in changes(WANTED, None).files}
    assert files["etc/hostname"] == "rifpc7\n"
    assert files["etc/machine-id"] == ""


def test_hosts_keeps_everything_but_the_old_name() -> None:
    """Only Debian's 127.0.1.1 line is ours."""
    old = "127.0.0.1 localhost\n127.0.1.1 golden\n10.0.0.9 fileserver\n"
    assert (
        hosts_file(old, "rifpc7", "lab")
        == "127.0.0.1 localhost\n10.0.0.9 fileserver\n127.0.1.1\trifpc7.lab rifpc7\n"
    )


def test_every_other_name_of_this_machine_is_kept() -> None:
    """Aliases stay, the golden machine's name goes: alone, with a domain, in any case, but not elsewhere."""
    old = (
        "# golden\n127.0.0.1\tlocalhost localhost.localdomain golden # us\n::1 GOLDEN.old.example localhost\n"
        "127.0.1.1 golden.old.example golden www.lab\n127.0.1.1 db # too\n10.0.0.9 golden fileserver\n"
        "127.0.0.1 golden\n127.0.0.1 golden-2\n\n"
    )
    new = hosts_file(old, "pc7", "lab", "golden")
    assert new == (
        "# golden\n127.0.0.1\tlocalhost localhost.localdomain # us\n::1\tlocalhost\n"
        "10.0.0.9 golden fileserver\n127.0.0.1 golden-2\n\n127.0.1.1\tpc7.lab pc7 www.lab db\n"
    )
    assert hosts_file(new, "pc7", "lab", "pc7") == new


def test_localhost_is_never_taken_for_the_golden_machine() -> None:
    """Many an installation has no other name."""
    assert (
        hosts_file("127.0.0.1 localhost\n", "pc7", "", "localhost") == "127.0.0.1 localhost\n127.0.1.1\tpc7\n"
    )


def test_without_a_url_nothing_phones_home() -> None:
    """No unit, no token, no link."""
    plain = changes(Personalisation(root=1, hostname="a"), None)
    assert not plain.links
    assert not any("phone-home" in file.path for file in plain.files)


@pytest.mark.parametrize("name", ["", "-a", "a b", "a/b", "a" * 64, "a\n", "localhost", "12", "0x1f"])
def test_a_name_that_is_none_is_refused(name: str) -> None:
    """It would end up in files that other programs parse."""
    with pytest.raises(PlanError, match="host name"):
        changes(Personalisation(root=1, hostname=name), None)


@pytest.mark.parametrize("domain", ["a b", "lab\n10.0.0.1 evil", "Lab", "x.localhost", "localhost"])
def test_a_domain_that_is_none_is_refused(domain: str) -> None:
    """Likewise: it stands in /etc/hosts."""
    with pytest.raises(PlanError, match="domain"):
        changes(Personalisation(root=1, hostname="a", domain=domain), None)


def test_the_script_is_good_bash(tmp_path: Path) -> None:
    """It runs unattended on somebody's machine: at least bash must agree that it is a script."""
    script = next(file for file in changes(WANTED, None).files if file.path.endswith("/phone-home"))
    path = tmp_path / "phone-home"
    path.write_text(script.content)
    subprocess.run(["bash", "-n", str(path)], check=True)
    assert "/dev/tcp/10.0.0.1/8080" in script.content
    assert "POST /api/v1/phone-home HTTP/1.1" in script.content


@pytest.mark.parametrize(
    "url",
    [
        "http://10.0.0.1';reboot;'/x",
        "http://10.0.0.1:80/$(reboot)",
        "http://10.0.0.1:80/`reboot`",
        "http://10.0.0.1:80/%s%n",
        "http://10.0.0.1/a b",
        "http://10.0.0.1/a\nreboot",
        "http://evil.example/x",
        "https://10.0.0.1/x",
        "http://10.0.0.1:80\\/x",
    ],
)
def test_an_address_that_is_more_than_one_is_refused(url: str) -> None:
    """It would become part of a script that runs as root, whoever signed it."""
    with pytest.raises(PlanError, match="no address to phone home to"):
        changes(replace(WANTED, phone_home_url=url), None)


@pytest.mark.parametrize("token", ['t"', "t\n", "t&", "t/e"])
def test_a_token_is_a_word(token: str) -> None:
    """It stands in a document, and in what sed replaces."""
    with pytest.raises(PlanError, match="no token"):
        changes(replace(WANTED, phone_home_token=token), None)
