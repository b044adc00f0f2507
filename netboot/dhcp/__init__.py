"""proxyDHCP: tells network-booting firmware where its loader is, beside the site's own DHCP server.

``packet`` and ``options`` are the codec, ``pxe`` says who is asking, ``loader``
and ``offer`` decide the answer, ``form`` and ``limit`` remember, ``server`` does
the sockets. Addresses are never leased.
"""
