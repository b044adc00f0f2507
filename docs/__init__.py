"""The documents; a package only so that ``python -m docs.generator`` finds what writes the references."""
