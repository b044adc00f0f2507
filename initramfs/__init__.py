"""The initramfs: the builder that makes it, and the agent that it carries.

Four rooms: ``builder``, and ``agent`` above ``imaging`` above ``messages``, which are packed
into the initramfs as they lie here. This file stays empty of code: it is loaded by PID 1.
"""
