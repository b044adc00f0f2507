"""Who gets a place, and who gives way: under floods, behind shared addresses, in a boot storm."""

from __future__ import annotations

from netboot.tftp.admission import Admission, Line


def fill(admission: Admission, count: int, *, now: float = 0.0, known: bool = False) -> None:
    """One transfer each for ``count`` addresses."""
    for number in range(count):
        assert admission.enter((f"10.0.{number // 256}.{number % 256}", 2070), now, known=known)


def test_what_never_answered_gives_way_the_oldest_first() -> None:
    """Ten thousand forged addresses hold no place that a new request needs."""
    admission = Admission(at_once=100)
    fill(admission, 10_000)
    place, victim = admission.enter(("192.0.2.1", 2070), 1.0, known=False) or (None, None)
    assert place is not None
    assert victim == ("10.0.38.172", 2070)  # number 9900
    assert len(admission) == 100


def test_a_known_machine_does_not_give_way_to_strangers() -> None:
    """It keeps its place until it has answered; a stranger finds another stranger's."""
    admission = Admission(at_once=3)
    admission.enter(("10.0.0.1", 1), 0.0, known=True)
    for number in range(2, 50):
        entered = admission.enter((f"10.0.0.{number}", 1), 0.0, known=False)
        assert entered is not None
        assert entered[1] != ("10.0.0.1", 1)
    full = Admission(at_once=3)
    fill(full, 3, known=True)
    assert full.enter(("192.0.2.1", 1), 0.0, known=False) is None
    assert full.enter(("192.0.2.2", 1), 0.0, known=True) is not None


def test_a_transfer_under_way_gives_way_only_when_silent() -> None:
    """A client that acknowledges is not pushed out by any number of requests."""
    admission = Admission(at_once=2)
    places = []
    for number in range(2):
        place, _ = admission.enter((f"10.0.0.{number}", 1), 0.0, known=False) or (None, None)
        assert place is not None
        place.heard = True
        places.append(place)
    assert admission.enter(("192.0.2.1", 1), 4.0, known=True) is None
    places[1].since = 4.0
    entered = admission.enter(("192.0.2.1", 1), 5.0, known=True)
    assert entered is not None
    assert entered[1] == ("10.0.0.0", 1)


def test_an_address_has_so_many_places_and_no_more() -> None:
    """Machines behind one address wait for each other; only who surely is gone gives way, its own ones."""
    admission = Admission(at_once=100, per_source=4)
    fill(admission, 50)
    for port in range(4):
        assert admission.enter(("192.0.2.1", port), 10.0, known=False) is not None
    assert admission.enter(("192.0.2.1", 4), 10.5, known=False) is None
    entered = admission.enter(("192.0.2.1", 4), 11.0, known=False)
    assert entered is not None
    assert entered[1] == ("192.0.2.1", 0)


def test_who_has_most_gives_to_who_has_less() -> None:
    """Four addresses that keep all places busy do not lock out a fifth."""
    admission = Admission(at_once=40, per_source=10)
    for number in range(40):
        place, _ = admission.enter((f"10.0.0.{number % 4}", number), 0.0, known=False) or (None, None)
        assert place is not None
        place.heard = True
    entered = admission.enter(("192.0.2.1", 1), 1.0, known=False)
    assert entered is not None
    assert entered[1] is not None
    assert entered[1][0].startswith("10.0.0.")


def test_places_are_given_back() -> None:
    """Once; a second time changes nothing."""
    admission = Admission(at_once=10, per_source=1)
    assert admission.enter(("10.0.0.1", 1), 0.0, known=False)
    assert admission.enter(("10.0.0.1", 2), 0.0, known=False) is None
    admission.leave(("10.0.0.1", 1))
    admission.leave(("10.0.0.1", 1))
    assert admission.enter(("10.0.0.1", 2), 0.0, known=False)
    assert len(admission) == 1


def test_the_line_is_short_fair_and_forgets_who_gave_up() -> None:
    """In order; who asks again keeps the turn, with the new wish."""
    line: Line[str] = Line(longest=4, per_source=2, patience=20.0)
    assert line.join(("a", 1), "old", 0.0)
    assert line.join(("a", 2), "x", 0.0)
    assert not line.join(("a", 3), "too many of one address", 0.0)
    assert line.join(("b", 1), "y", 0.0)
    assert line.join(("c", 1), "z", 0.0)
    assert not line.join(("d", 1), "no room", 0.0)
    assert line.join(("a", 1), "new", 15.0)
    assert [what for _, what in line.all(16.0)] == ["new", "x", "y", "z"]
    assert line.all(30.0) == [(("a", 1), "new")]
    line.leave(("a", 1))
    assert len(line) == 0
