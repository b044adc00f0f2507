"""proxyDHCP: tells network-booting firmware where its loader is, beside the site's own DHCP server.

``codec`` reads and writes packets, ``proxy`` decides the answer, ``server`` does the sockets.
Addresses are never leased.
"""
