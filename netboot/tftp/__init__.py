"""TFTP (RFC 1350) with blksize, tsize, timeout and windowsize: read only.

``packet`` is the codec and the only importer of tftpy, ``files`` finds the content, ``contents`` shares it,
``transfer`` decides what is sent and ``round_trip`` when, ``admission`` decides who may load at once,
``session`` and ``server`` do the sockets.
"""
