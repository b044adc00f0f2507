"""A simulated client and a wire that loses, doubles and reorders packets, repeatably by its seed."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, TypeVar

from netboot.tftp.packet import Ack

if TYPE_CHECKING:
    from random import Random

    from netboot.tftp.transfer import Transfer

T = TypeVar("T")


@dataclass
class Client:
    """The receiving side of RFC 1350 and RFC 7440, written independently of the server's."""

    block: int
    window: int
    got: bytearray = field(default_factory=bytearray)
    expected: int = 1
    since_ack: int = 0
    complete: bool = False
    negotiated: bool = False

    def receive(self, wire: bytes) -> list[Ack]:
        """Take a packet; returns the acknowledgements it causes."""
        if wire[1] == 6:
            self.negotiated = True
            return [Ack(0)] if self.expected == 1 else []
        number, payload = int.from_bytes(wire[2:4], "big"), wire[4:]
        if number != self.expected % 65536:
            # As edk2: for every block that is not the next one, say which was the last in order.
            self.since_ack = 0
            return [Ack((self.expected - 1) % 65536)]
        self.got += payload
        self.expected += 1
        self.since_ack += 1
        self.complete = self.complete or len(payload) < self.block
        if self.since_ack == self.window or self.complete:
            self.since_ack = 0
            return [Ack(number)]
        return []


@dataclass
class Link:
    """Runs a transfer against a client. Each packet is lost, or doubled, with a probability."""

    random: Random
    loss: float = 0.0
    doubled: float = 0.0
    sent: int = 0

    def run(self, transfer: Transfer, client: Client, steps: int = 500_000) -> None:
        """Until the transfer has an outcome; time jumps to the next deadline when nothing is under way."""
        now = 0.0
        to_client = self._carried(transfer.start(now))
        for _ in range(steps):
            if transfer.outcome is not None:
                return
            if not to_client:
                now = transfer.deadline
                to_client = self._carried(transfer.tick(now))
                continue
            for ack in self._carried(client.receive(to_client.pop(0))):
                to_client += self._carried(transfer.receive(ack, now))
        raise AssertionError("the transfer did not end")

    def _carried(self, packets: list[T]) -> list[T]:
        self.sent += len(packets)
        arrived = [packet for packet in packets if self.random.random() >= self.loss]
        return [packet for packet in arrived for _ in range(1 + (self.random.random() < self.doubled))]
