"""The benches of the disk engine: its work beside that of its peers, in one run.

``make bench``, or ``python -m tests.bench``. A module per concern; ``__main__`` lists the rows.
"""
