"""In which form a machine is answered.

No single form satisfies all firmware. Some takes the loader straight from an
offer with option 43.6 = 8 (DIRECT); some ignores such an offer and wants to ask
again on port 4011 (BINL, after Microsoft's boot information negotiation layer).
A client that repeats its DISCOVER and fetches nothing gets the other form; the
form that led to a file request is kept for the machine and its firmware: one that is
switched from BIOS to UEFI is another client. Pure: time is an argument.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from enum import StrEnum

from netboot.memory import Recent
from netboot.model import Architecture


class Form(StrEnum):
    """How an offer tells a ROM to get its loader: take it at once, or ask again on port 4011."""

    DIRECT = "direct"
    BINL = "binl"

    @property
    def other(self) -> Form:
        return Form.BINL if self is Form.DIRECT else Form.DIRECT


def first_form(architecture: Architecture) -> Form:
    """BIOS ROMs expect the loader at once; for UEFI two independent servers settled on port 4011."""
    return Form.DIRECT if architecture is Architecture.BIOS else Form.BINL


@dataclass(frozen=True, slots=True)
class _Attempt:
    form: Form
    at: float
    secs: int
    progressed: bool = False


class FormMemory:
    """Remembers per MAC and firmware which form was tried last, and whether it led anywhere.

    Args:
        limit: machines remembered; the longest unseen are forgotten first.
        attempt: seconds after which a DISCOVER is a new attempt, not a repetition.
            edk2 repeats after 4, 8 and 16 seconds, so a minute separates power-ons.
        echo: seconds within which a DISCOVER with the same ``secs`` is a duplicate from a relay.
            Some firmware (lwIP's, U-Boot's) never counts: then time tells. Nothing repeats sooner.
    """

    def __init__(self, limit: int = 4096, attempt: float = 60.0, echo: float = 1.5) -> None:
        self._attempts: Recent[tuple[str, Architecture], _Attempt] = Recent(limit)
        self._firmware: Recent[str, Architecture] = Recent(limit)
        self._attempt = attempt
        self._echo = echo

    def choose(self, mac: str, architecture: Architecture, secs: int, now: float) -> Form:
        """The form for a DISCOVER whose ``secs`` field is given; remembers that it was used.

        ``secs`` alone is no proof of a repetition (some ROMs start above zero), an answer
        of ours moments before is needed as well.
        """
        last = self._attempts.get((mac, architecture))
        if last is None:
            form = first_form(architecture)
        elif self._repeated(last, secs, now):
            form = last.form.other
        else:
            form = last.form
        self._attempts.put((mac, architecture), _Attempt(form, now, secs))
        self._firmware.put(mac, architecture)
        return form

    def progress(self, mac: str) -> None:
        """The machine asked for a file, or on port 4011: the form it was given works."""
        architecture = self._firmware.get(mac)
        last = None if architecture is None else self._attempts.get((mac, architecture))
        if architecture is not None and last is not None:
            self._attempts.put((mac, architecture), replace(last, progressed=True))

    def _repeated(self, last: _Attempt, secs: int, now: float) -> bool:
        if last.progressed or now - last.at >= self._attempt:
            return False
        return secs > last.secs or (secs == last.secs and now - last.at >= self._echo)
