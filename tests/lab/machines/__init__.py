"""The machines of the laboratory: QEMU with real firmware, their consoles and disks."""
