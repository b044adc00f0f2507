"""DHCP packets and their options as values, and their bytes. Knows nothing of network booting."""
