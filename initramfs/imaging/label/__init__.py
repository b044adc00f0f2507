"""Partition tables: reading MBR and GPT, and changing what they say. No I/O."""
