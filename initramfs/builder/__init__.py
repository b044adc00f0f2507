"""From ``image.toml`` to the two files that a machine boots: packages, a tree, an archive.

Packs the agent, ``imaging`` and ``messages`` as files and imports none of them.
"""
