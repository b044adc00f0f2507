"""From the kernel's hand-over to the agent's ``main``: what a system's first process has to do.

``init`` is PID 1. It starts ``start`` in a child, reaps everything that dies, and
does at the end what the child's exit status says (:class:`ending.ExitStatus`). The
child mounts, loads drivers, brings up the network and calls the agent. Whatever
goes wrong is shown on every console, and a shell is offered there.

Pure parts (which mounts, which modules, which interface, what a lease means) are
functions of their facts. This package knows nothing of jobs, images or the appliance.
Starting up fast matters here: it imports little, and starts few processes.
"""
