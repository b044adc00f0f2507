"""The agent: the program inside the initramfs that asks what this machine should become, and makes it so.

Imports nothing of ours outside this package, and from outside only what the
initramfs carries: the standard library, psutil, zstandard, cryptography.
The provisioner shares two parts of it: ``wire`` (the messages) and ``disk``
(the engine).
"""

__version__ = "0.1.0"
