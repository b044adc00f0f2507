"""What can go wrong in the agent, in words that help at the machine.

A leaf. Every error says what was found (``message``) and what to do (``hint``);
it is shown on the console, sent to the appliance and kept with the job.
"""

from __future__ import annotations

from initramfs.errors import ExplainedError


class AgentError(ExplainedError):
    """The root of the agent's own errors."""


class CommandLineError(AgentError):
    """The kernel's command line lacks what the boot script should have put there."""


class TrustError(AgentError):
    """Something that should be signed by the appliance is not. Nothing of it is used."""


class ServerError(AgentError):
    """The appliance answered, and refused. Asking again does not help."""


class Unreachable(AgentError):  # noqa: N818 - a condition, and it reads as one
    """The appliance did not answer for as long as the agent waits."""


class PlanError(AgentError):
    """The job cannot be done on this machine. Raised before anything is written."""


class StepError(AgentError):
    """A step failed while doing its work."""
