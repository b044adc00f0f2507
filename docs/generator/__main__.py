"""``python -m docs.generator [FOLDER]``: write the references; without a folder, where the documents are."""

from __future__ import annotations

import sys
from pathlib import Path

from docs.generator.references import FOLDER, REFERENCES

folder = Path(sys.argv[1]) if len(sys.argv) > 1 else FOLDER
folder.mkdir(parents=True, exist_ok=True)
for name, render in REFERENCES.items():
    (folder / name).write_text(render())
