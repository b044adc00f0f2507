"""The agent: the program inside the initramfs that asks what this machine should become, and makes it so.

``main`` tells the story: the conversation with the appliance (``session``), what each action does
(``actions``), in steps (``steps``) that one loop runs (``pipeline``). Imports of ours only the engine
(``imaging``) and the messages, and from outside only what the initramfs carries: the standard library,
psutil, zstandard, cryptography.
"""

__version__ = "0.1.0"
