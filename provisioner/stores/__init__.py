"""Where images are kept: chunks by their digest, manifests by name and generation.

A store has the abilities that ``protocols`` names; ``open`` finds one by its URL; ``directory`` is the one
out of the box. Knows images, nothing of hosts, profiles, jobs or the database.
"""
