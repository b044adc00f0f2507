"""Where images live: chunks by their SHA-256, manifests by name and generation.

A store is whatever has the abilities of ``protocol``; ``directory`` is the one out
of the box. Knows images, nothing of hosts, profiles or jobs.
"""
