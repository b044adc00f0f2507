"""What can be done with images: the engine and a store, joined.

Knows no terminal, no HTTP, no job and no database.
"""
