"""The store out of the box: a directory, also on an NFS or SMB mount.

Files under ``chunks/`` and ``manifests/`` never change. ``places`` says what lies where, ``chunks`` and
``catalogue`` are the two halves, ``incoming`` and ``uploads`` add, ``sweep`` deletes, ``store`` joins them.
"""
