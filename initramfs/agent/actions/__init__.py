"""One file for each action: its checks on the machine, and its steps.

Each has ``plan(work, job, seen)``, which is pure: everything that can be known without touching the disk or
the network is decided there, and every reason not to start is raised there as PlanError. So a plan can be
shown before it is done. ``agent.main`` has the table.
"""
