"""The exchange between agent and appliance, from contact to result, and everybody who should not get in."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path

import pytest

from initramfs import messages
from initramfs.agent.trust import public_half
from initramfs.messages import StepState
from netboot.model import Kernel, LocalDisk
from provisioner.base.config import Config
from provisioner.boot.booter import ProvisionerBooter
from provisioner.hosts import registry
from provisioner.jobs import upkeep
from provisioner.jobs.life import JobState
from provisioner.jobs.queue import get_job, get_log
from provisioner.timeline import events
from tests.clients import people
from tests.clients.api import HOST_KEY, MAC, NOW, OTHER_KEY, OTHER_MAC, Api, api, inventory, reports, stated
from tests.lab.boot import CLIENT, HERE

JOB = messages.Job(
    0,
    "class",
    messages.RestorePartitions(
        (messages.PartitionImage(5, messages.ImageRef("sda5_Debian", 1, b"\xdd" * 32)),),
        personalisation=messages.Personalisation(5, "pc1", "example.org", phone_home_url="at contact"),
    ),
)
RECEIPT = messages.Receipt("sda", "D1", "", (), 10, 10, 1000, 2000, {"write": 1.5})


@pytest.fixture(name="site")
def site_(tmp_path: Path) -> Iterator[Api]:
    """An appliance with one known host."""
    with api(tmp_path / "home") as site:
        people.add_host(site.database, "pc1", [MAC], now=NOW)
        yield site


def personalised(given: messages.Assignment) -> messages.Personalisation:
    """What the job makes of its host."""
    assert given.job is not None
    assert isinstance(given.job.work, messages.RestorePartitions)
    assert given.job.work.personalisation is not None
    return given.job.work.personalisation


def enqueue(site: Api) -> int:
    """Give the host a job; its number."""
    return people.queue_job(site.database, "pc1", JOB, now=NOW)


def test_full_exchange(site: Api) -> None:
    """Contact, reports and result take a job from queued to succeeded, with its steps and receipt."""
    number = enqueue(site)
    answer = site.contact(site.nonce())
    assert answer.status_code == 200
    given = site.assignment(answer)
    assert (given.challenge, given.host) == ("c1", "pc1")
    assert given.job is not None
    assert given.job.id == number
    path = f"/api/v1/agent/jobs/{number}"
    batch = reports(
        1, ("write", StepState.PLANNED), ("write", StepState.STARTED), ("write", StepState.PROGRESS)
    )
    assert site.post(f"{path}/reports", batch, given.token).status_code == 204
    seen = get_job(site.database, number)
    assert seen.state is JobState.RUNNING
    assert [(step.name, step.state, step.done) for step in seen.steps] == [("write", "started", 50)]
    assert site.finish(given, messages.Result(ok=True, receipt=RECEIPT)).status_code == 204
    done = get_job(site.database, number)
    assert done.state is JobState.SUCCEEDED
    assert done.receipt is not None
    assert done.receipt["chunks_verified"] == 10


def test_contact_tells_the_time_of_day(site: Api) -> None:
    """The agent's own clock may say 1970."""
    assert site.assignment(site.contact(site.nonce())).now == NOW


def test_next_boot_is_what_the_machine_would_get(site: Api) -> None:
    """A job that runs is gone on with at the next boot; one that has ended is not done again."""
    booter = ProvisionerBooter(site.home, site.database)
    enqueue(site)
    given = site.assignment(site.contact(site.nonce()))
    assert people.get_host(site.database, "pc1").next_boot == "class"
    assert isinstance(booter.decide(CLIENT, HERE), Kernel)
    site.finish(given, messages.Result(ok=True, receipt=RECEIPT))
    assert people.get_host(site.database, "pc1").next_boot == "local"
    assert isinstance(booter.decide(CLIENT, HERE), LocalDisk)


def test_contact_stores_inventory(site: Api) -> None:
    """What the machine is made of, and where it was seen."""
    site.contact(site.nonce())
    host = people.get_host(site.database, "pc1")
    assert host.firmware == "uefi"
    assert host.address == "192.0.2.7"
    assert host.inventory is not None
    assert host.inventory["disks"][0]["serial"] == "D1"


def test_contact_without_job(site: Api) -> None:
    """A host without a job is told its name and nothing to do."""
    given = site.assignment(site.contact(site.nonce()))
    assert given.host == "pc1"
    assert given.job is None


def test_nonce_cannot_be_used_twice(site: Api) -> None:
    """A second contact with the same nonce and another challenge is refused."""
    enqueue(site)
    nonce = site.nonce()
    assert site.contact(nonce).status_code == 200
    again = site.contact(nonce, challenge="c2")
    assert again.status_code == 409
    assert "used before" in again.json()["detail"]


def test_lost_answer_can_be_asked_for_again(site: Api) -> None:
    """The same agent, whose answer got lost, gets the same job without a second attempt being counted."""
    number = enqueue(site)
    nonce = site.nonce()
    site.contact(nonce)
    given = site.assignment(site.contact(nonce))
    assert given.job is not None
    assert given.job.id == number
    assert get_job(site.database, number).attempts == 1
    path = f"/api/v1/agent/jobs/{number}/reports"
    assert site.post(path, reports(1, ("write", StepState.STARTED)), given.token).status_code == 204
    again = site.assignment(site.contact(nonce))
    assert again.job is not None, "it has lost its token"
    assert (again.job.id, again.job.profile) == (number, given.job.profile)
    assert (again.attempt, get_job(site.database, number).attempts) == (1, 1)


def test_an_overheard_contact_is_not_answered_to_another_key(site: Api) -> None:
    """A listener knows nonce and challenge; whoever repeats them with a key of his own gets nothing."""
    number = enqueue(site)
    nonce = site.nonce()
    given = site.assignment(site.contact(nonce))
    assert site.contact(nonce, key=OTHER_KEY).status_code == 409
    assert site.finish(given, messages.Result(ok=True)).status_code == 204
    assert get_job(site.database, number).state is JobState.SUCCEEDED


def test_a_late_repetition_of_a_contact_does_not_join_the_next_attempt(site: Api) -> None:
    """The attempt belongs to the key of the contact that started it."""
    enqueue(site)
    nonce = site.nonce()
    site.contact(nonce)
    assert site.assignment(site.contact(site.nonce(), key=OTHER_KEY)).attempt == 2
    assert site.assignment(site.contact(nonce)).job is None


@pytest.mark.parametrize("key", ["", "00" * 31, "AB" * 32, " " * 64], ids=["none", "short", "upper", "blank"])
def test_a_contact_with_a_key_that_is_none(site: Api, key: str) -> None:
    """Refused before the nonce is used up."""
    number = enqueue(site)
    nonce = site.nonce()
    message = messages.Contact(nonce, "c1", "0.1.0", MAC, inventory(), key, messages.PROTOCOL)
    answer = site.say_hello(messages.encode(message), nonce)
    assert answer.status_code == 400
    assert "host_key" in answer.json()["detail"]
    assert get_job(site.database, number).state is JobState.QUEUED
    assert site.contact(nonce).status_code == 200


def test_an_agent_of_an_earlier_version_is_told_so(site: Api) -> None:
    """Its initramfs is older than the appliance; nothing has been written, and it says what to look at."""
    enqueue(site)
    nonce = site.nonce()
    message = json.loads(messages.encode(messages.Contact(nonce, "c1", "0.1.0", MAC, inventory(), "")))
    del message["host_key"]
    answer = site.say_hello(json.dumps(message), nonce)
    assert answer.status_code == 400
    assert "host_key" in answer.json()["detail"]
    assert "another version" in answer.json()["hint"]


@pytest.mark.parametrize("protocol", [None, 1, messages.PROTOCOL + 1])
def test_an_agent_of_another_protocol_is_refused(site: Api, protocol: int | None) -> None:
    """Before the nonce is used up and the attempt is counted: it could not read its job."""
    number = enqueue(site)
    nonce, key = site.nonce(), public_half(HOST_KEY)
    message = json.loads(messages.encode(messages.Contact(nonce, "c1", "0.1.0", MAC, inventory(), key)))
    message |= {"protocol": protocol}
    if protocol is None:
        del message["protocol"]
    answer = site.say_hello(json.dumps(message), nonce)
    assert answer.status_code == 400
    assert f"protocol {protocol or 1}" in answer.json()["detail"]
    assert "clonesys initramfs build" in answer.json()["hint"]
    assert get_job(site.database, number).state is JobState.QUEUED
    assert site.contact(nonce).status_code == 200


def test_expired_nonce(site: Api) -> None:
    """A nonce older than a quarter of an hour is refused with the reason."""
    answer = site.contact(site.nonce(age=16 * 60))
    assert answer.status_code == 401
    assert "old" in answer.json()["detail"]


def test_forged_nonce(site: Api) -> None:
    """A nonce that another key made is refused, and a text that is none."""
    site.nonce_key = b"x" * 32
    assert site.contact(site.nonce()).status_code == 401
    assert site.contact("!!!").status_code == 401


def test_nonce_of_another_machine(site: Api) -> None:
    """A nonce is good for its own MAC only."""
    assert site.contact(site.nonce(OTHER_MAC), mac=MAC).status_code == 403


def test_contact_of_a_host_that_was_removed(site: Api) -> None:
    """Its machine is put among the observed and told why it gets nothing."""
    nonce = site.nonce()
    people.remove_host(site.database, "pc1", now=NOW)
    assert site.contact(nonce).status_code == 403
    assert [machine.mac for machine in registry.list_observed(site.database)] == [MAC]


def test_three_attempts_then_the_own_disk(site: Api) -> None:
    """A job whose machine starts again and again is given out three times, and never a fourth."""
    number = enqueue(site)
    booter = ProvisionerBooter(site.home, site.database, site.clock.moment)
    for attempt in (1, 2, 3):
        assert not isinstance(booter.decide(CLIENT, HERE), LocalDisk)
        given = site.assignment(site.contact(site.nonce()))
        assert given.job is not None
        assert get_job(site.database, number).attempts == attempt
    assert isinstance(booter.decide(CLIENT, HERE), LocalDisk)
    assert site.assignment(site.contact(site.nonce())).job is None


def test_failed_job_boots_the_own_disk(site: Api) -> None:
    """A failure is kept with its hint, and the machine does not come back for more."""
    number = enqueue(site)
    given = site.assignment(site.contact(site.nonce()))
    result = messages.Result(ok=False, error="two disks match", hint="name one")
    site.finish(given, result)
    job = get_job(site.database, number)
    assert (job.state, job.error, job.hint) == (JobState.FAILED, "two disks match", "name one")
    assert isinstance(ProvisionerBooter(site.home, site.database).decide(CLIENT, HERE), LocalDisk)


def test_repeated_reports_change_nothing(site: Api) -> None:
    """A batch whose answer got lost may come again; its log lines are kept once."""
    number = enqueue(site)
    given = site.assignment(site.contact(site.nonce()))
    path = f"/api/v1/agent/jobs/{number}/reports"
    batch = reports(1, ("write", StepState.STARTED), ("write", StepState.FINISHED))
    for _ in range(3):
        assert site.post(path, batch, given.token).status_code == 204
    assert len(get_log(site.database, number)) == 2
    assert get_job(site.database, number).steps[0].state == "finished"


def test_repeated_result_changes_nothing(site: Api) -> None:
    """The first result counts, also when late reports follow it."""
    number = enqueue(site)
    given = site.assignment(site.contact(site.nonce()))
    path = f"/api/v1/agent/jobs/{number}"
    assert site.finish(given, messages.Result(ok=True)).status_code == 204
    assert site.finish(given, messages.Result(ok=False)).status_code == 204
    assert (
        site.post(f"{path}/reports", reports(1, ("write", StepState.STARTED)), given.token).status_code == 204
    )
    assert get_job(site.database, number).state is JobState.SUCCEEDED


def test_old_attempt_is_told_to_stop(site: Api) -> None:
    """When a machine was started again, what is left of its former agent may not report any more."""
    number = enqueue(site)
    old = site.assignment(site.contact(site.nonce()))
    site.contact(site.nonce())
    path = f"/api/v1/agent/jobs/{number}/reports"
    assert site.post(path, reports(1, ("write", StepState.STARTED)), old.token).status_code == 409


def test_of_two_agents_with_one_job_only_the_later_ends_it(site: Api) -> None:
    """Both had a nonce of their own; whatever the first one says after the second came is refused."""
    number = enqueue(site)
    first = site.assignment(site.contact(site.nonce()))
    second = site.assignment(site.contact(site.nonce(), challenge="c2"))
    assert first.job is not None
    assert second.job is not None
    assert first.job.id == second.job.id == number
    refused = site.finish(first, messages.Result(ok=True, receipt=RECEIPT))
    assert refused.status_code == 409
    assert "another contact" in refused.json()["detail"]
    job = get_job(site.database, number)
    assert (job.state, job.receipt) == (JobState.RUNNING, None)
    assert site.finish(second, messages.Result(ok=True, receipt=RECEIPT)).status_code == 204
    assert site.finish(first, messages.Result(ok=False)).status_code == 409
    assert get_job(site.database, number).state is JobState.SUCCEEDED


def test_an_agent_whose_clock_says_1970_is_heard(site: Api) -> None:
    """Its times are for people; what counts (nonces, silence) goes by the appliance's clock."""
    number = enqueue(site)
    given = site.assignment(site.contact(site.nonce()))
    path = f"/api/v1/agent/jobs/{number}"
    early = messages.Reports((messages.Report(1, -3.5, "write", StepState.STARTED),))
    assert site.post(f"{path}/reports", early, given.token).status_code == 204
    assert get_job(site.database, number).heard == NOW
    assert site.finish(given, messages.Result(ok=True, receipt=RECEIPT)).status_code == 204
    assert get_job(site.database, number).ended == NOW


def test_cancelled_job_tells_its_agent(site: Api) -> None:
    """The agent of a cancelled job is refused with the reason."""
    number = enqueue(site)
    given = site.assignment(site.contact(site.nonce()))
    people.cancel_job(site.database, number, now=NOW)
    answer = site.post(
        f"/api/v1/agent/jobs/{number}/reports", reports(1, ("write", StepState.STARTED)), given.token
    )
    assert answer.status_code == 409
    assert "cancelled" in answer.json()["detail"]


def test_wrong_tokens(site: Api) -> None:
    """No token and a wrong one are 401; a good one for another job, or for another purpose, is 403."""
    number = enqueue(site)
    given = site.assignment(site.contact(site.nonce()))
    token = personalised(given).phone_home_token
    path = f"/api/v1/agent/jobs/{number}/result"
    done = stated(given, messages.Result(ok=True))
    assert site.request("POST", path, content=messages.encode(done)).status_code == 401
    assert site.post(path, done, "wrong").status_code == 401
    assert site.post("/api/v1/agent/jobs/999/result", done, given.token).status_code == 403
    assert site.post(path, done, token).status_code == 403
    site.clock.value += 25 * 3600
    assert site.post(path, done, given.token).status_code == 401
    assert get_job(site.database, number).state is JobState.RUNNING


@pytest.mark.parametrize(
    "body", [b"", b"[]", b'{"nonce": 1}', b"\xff", b'{"challenge": "x"}'], ids=lambda body: repr(body)[:20]
)
def test_garbled_contact(site: Api, body: bytes) -> None:
    """Whatever is no contact is refused with the place of the mistake."""
    answer = site.say_hello(body, site.nonce())
    assert answer.status_code == 400
    assert "Contact" in answer.json()["detail"]


def test_endless_body_is_cut(site: Api) -> None:
    """A body larger than any message is refused before it is read."""
    assert site.request("POST", "/api/v1/phone-home", content=b"x" * 9_000_000).status_code == 413


def test_manifest_needs_a_token(site: Api) -> None:
    """Manifests are for agents with a job; one that does not exist is 404."""
    path = f"/api/v1/agent/manifests/{'0' * 64}"
    assert site.request("GET", path).status_code == 401
    enqueue(site)
    token = site.assignment(site.contact(site.nonce())).token
    answer = site.request("GET", path, headers={"Authorization": f"Bearer {token}"})
    assert answer.status_code == 404


def test_phone_home(site: Api) -> None:
    """The installed system's word is kept with its host and in the timeline."""
    enqueue(site)
    given = site.assignment(site.contact(site.nonce()))
    person = personalised(given)
    assert person.phone_home_url == "http://192.0.2.1:8080/api/v1/phone-home"
    site.finish(given, messages.Result(ok=True, receipt=RECEIPT))
    assert get_job(site.database, 1).up is None
    assert "waiting for its first start" in events.list_events(site.database, MAC)[-1].detail
    message = messages.PhoneHome(person.phone_home_token, "pc1")
    assert site.request("POST", "/api/v1/phone-home", content=messages.encode(message)).status_code == 204
    assert people.get_host(site.database, "pc1").phoned_home_as == "pc1"
    assert get_job(site.database, 1).up == NOW
    assert events.list_events(site.database, MAC)[-1].kind == "phone-home"
    wrong = messages.PhoneHome(given.token, "evil")
    assert site.request("POST", "/api/v1/phone-home", content=messages.encode(wrong)).status_code == 403


def test_a_system_that_is_overwritten_is_not_up_any_more(site: Api) -> None:
    """From the first write of the next job on, not before; only the latest attempt makes a job up."""
    enqueue(site)
    first = site.assignment(site.contact(site.nonce()))
    token = personalised(first).phone_home_token
    site.finish(first, messages.Result(ok=True, receipt=RECEIPT))
    site.post("/api/v1/phone-home", messages.PhoneHome(token, "pc1"), "")
    number = enqueue(site)
    site.clock.value += 5
    second = site.assignment(site.contact(site.nonce()))
    path = f"/api/v1/agent/jobs/{number}/reports"
    site.post(path, reports(1, ("check", StepState.STARTED)), second.token)
    assert people.get_host(site.database, "pc1").phoned_home == NOW
    site.post(path, reports(2, (messages.FIRST_WRITE, StepState.STARTED)), second.token)
    assert people.get_host(site.database, "pc1").phoned_home is None
    site.clock.value += 5
    site.assignment(site.contact(site.nonce()))
    late = messages.PhoneHome(personalised(second).phone_home_token, "pc1")
    site.post("/api/v1/phone-home", late, "")
    assert get_job(site.database, number).up is None


def test_an_agent_without_news_is_still_heard(site: Api) -> None:
    """An empty batch is a sign of life, and takes back that its job was stalled."""
    number = enqueue(site)
    given = site.assignment(site.contact(site.nonce()))
    site.clock.value += 700
    upkeep.mark_silent(site.database, Config(), site.clock.value)
    assert get_job(site.database, number).state is JobState.STALLED
    site.post(f"/api/v1/agent/jobs/{number}/reports", messages.Reports(()), given.token)
    job = get_job(site.database, number)
    assert (job.state, job.heard, job.error) == (JobState.RUNNING, site.clock.value, "")
