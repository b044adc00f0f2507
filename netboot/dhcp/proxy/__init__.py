"""What proxyDHCP answers: the pure decision for ports 67 and 4011, from a request to a reply.

``classify`` says which machine asks, ``form`` in which of two forms it is answered, ``offer`` what.
"""
