"""Clients and servers that tests talk to or through: real protocols, real sockets, faults on request."""
