"""Where images are kept: chunks by their digest, manifests by name and generation.

A store is whatever has the abilities of ``protocols``; ``directory`` is the one out of the box. Knows
images, nothing of hosts, profiles or jobs.
"""
