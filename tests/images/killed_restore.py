"""``python -m tests.images.killed_restore HOME IMAGE TARGET CUT``: a restore that is killed at operation CUT.

Real process, real device, real chunks; the operation is a read, a write (which is half done), a zeroing, a
discard or a flush. With CUT 0 it lives, and prints how many operations there were.
"""

from __future__ import annotations

import os
import signal
import sys
import threading
from pathlib import Path

from initramfs.imaging.device.device import Device
from initramfs.imaging.restore.restore import Restore
from initramfs.imaging.restore.strategy import Adaptive
from provisioner.base.home import Home
from provisioner.images import operations
from provisioner.security.keys import load_public_key
from provisioner.stores.directory.store import DirectoryStore
from tests.images.in_memory import SECTOR, FileTarget


class Mortal(FileTarget):
    """A device whose ``cut``-th operation ends this process."""

    def __init__(self, device: Device, cut: int) -> None:
        super().__init__(device)
        self.cut, self.operations = cut, 0
        self._lock = threading.Lock()

    def read_into(self, buffer: memoryview, offset: int) -> None:
        """See Target."""
        self._live()
        super().read_into(buffer, offset)

    def write(self, data: memoryview, offset: int) -> None:
        """See Target."""
        half = len(data) // 2 // SECTOR * SECTOR
        self._live(data[:half], offset)
        super().write(data, offset)

    def zero(self, offset: int, length: int) -> None:
        """See Target."""
        self._live()
        super().zero(offset, length)

    def discard(self, offset: int, length: int) -> bool:
        """See Target."""
        self._live()
        return super().discard(offset, length)

    def flush(self) -> None:
        """See Target."""
        self._live()
        super().flush()

    def _live(self, half: memoryview | None = None, offset: int = 0) -> None:
        with self._lock:
            self.operations += 1
            if self.operations == self.cut:
                if half:
                    super().write(half, offset)
                os.kill(os.getpid(), signal.SIGKILL)


def main(home: Path, name: str, path: Path, cut: int) -> None:
    """Restore, or die."""
    store = DirectoryStore(Home(home).store)
    image = operations.load(store, store.resolve(name), load_public_key(home))
    with operations.open_target(path, image) as device:
        target = Mortal(device, cut)
        Restore(operations.layout_for(image, store, device), store, target, strategy=Adaptive()).run()
        print(target.operations)


if __name__ == "__main__":
    main(Path(sys.argv[1]), sys.argv[2], Path(sys.argv[3]), int(sys.argv[4]))
