"""The disk engine: capture and restore as one code, for the agent's disks and the command line's files.

Knows nothing of jobs, reports, HTTP or hosts: chunks come from a
``ChunkSource``, go to a ``ChunkSink``, progress goes to a callback.
"""
