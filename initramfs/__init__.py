"""The initramfs: the builder that makes it, and the agent that it carries.

This file stays empty of code: the agent is packed into the initramfs as
``initramfs.agent`` and must not drag the builder along.
"""
