"""TFTP (RFC 1350) with blksize, tsize, timeout and windowsize: read only.

``packet`` is the codec and the only importer of tftpy, ``files`` finds the content, ``transfer``
decides what is sent when, ``session`` and ``server`` do the sockets.
"""
