"""The store out of the box: a directory, also on an NFS or SMB mount."""
