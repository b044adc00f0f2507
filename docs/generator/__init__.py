"""Writes ``docs/user/reference/`` from the models and the command line, so that no page can contradict them.

What a key is (type, bounds, default) comes from the code; what it means is a sentence in
:mod:`docs.generator.meanings`. Nothing here depends on a terminal, an environment or a machine.
"""
