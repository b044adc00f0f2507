"""A cable between two network namespaces that loses what a function says, packet by packet (root).

Two TUN devices and a thread between them: real kernels on both ends, and repeatable loss, without a
kernel module for it.
"""

from __future__ import annotations

import fcntl
import os
import select
import struct
import threading
from typing import TYPE_CHECKING, Self

from tests.clients.in_namespace import inside
from tests.lab.command import run

if TYPE_CHECKING:
    from collections.abc import Callable

_TUNSETIFF = 0x400454CA
_IFF_TUN, _IFF_NO_PI = 0x0001, 0x1000
"""linux/if_tun.h."""
_LARGEST = 65536


class LossyWire:
    """Joins ``near`` and ``far``, each a namespace and its address with prefix length, by a device ``wire0``.

    ``loses`` is asked about each IP packet.
    """

    def __init__(self, near: tuple[str, str], far: tuple[str, str], loses: Callable[[bytes], bool]) -> None:
        self.loses = loses
        self._ends = [_tun(namespace) for namespace, _ in (near, far)]
        self._stop, self._stopped = os.pipe()
        for namespace, address in (near, far):
            run("ip", "-n", namespace, "address", "add", address, "dev", "wire0")
            run("ip", "-n", namespace, "link", "set", "wire0", "up")
        self._thread = threading.Thread(target=self._carry)

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        os.close(self._stopped)
        self._thread.join()
        for descriptor in (self._stop, *self._ends):
            os.close(descriptor)

    def _carry(self) -> None:
        other = {self._ends[0]: self._ends[1], self._ends[1]: self._ends[0]}
        while True:
            ready, _, _ = select.select([*self._ends, self._stop], [], [])
            if self._stop in ready:
                return
            for end in ready:
                packet = os.read(end, _LARGEST)
                if not self.loses(packet):
                    os.write(other[end], packet)


def _tun(namespace: str) -> int:
    with inside(namespace):
        descriptor = os.open("/dev/net/tun", os.O_RDWR)
        fcntl.ioctl(descriptor, _TUNSETIFF, struct.pack("16sH22x", b"wire0", _IFF_TUN | _IFF_NO_PI))
    return descriptor
