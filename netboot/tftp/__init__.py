"""TFTP (RFC 1350) with blksize, tsize, timeout and windowsize: read only.

``packet`` is the codec and the only importer of tftpy, ``names`` and ``transfer``
decide, ``server`` does the sockets.
"""
