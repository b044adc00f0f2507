"""Tests, and the laboratory they share (``support``)."""
