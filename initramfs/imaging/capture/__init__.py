"""From a disk or partition to chunks and an unsigned manifest."""
