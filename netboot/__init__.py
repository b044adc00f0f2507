"""The network services of a boot: proxyDHCP, TFTP, HTTP boot files, DNS.

Knows nothing of profiles, images or jobs: what a client boots is asked of a
:class:`netboot.booter.Booter`. Runs alone with ``python -m netboot``.
"""
