"""A shell on every console, as soon as Enter is pressed there. It starts nothing by itself."""

from __future__ import annotations

import fcntl
import os
import termios

BANNER = "\r\nPress Enter for a shell; `reboot` restarts, `poweroff` switches off.\r\n"
SHELL = ("/usr/bin/busybox", "sh", "-l")
NO_INPUT = 3
"""Exit status of a console that takes no input."""


def attend(terminal: str) -> int:
    """Fork a process that waits for Enter on ``terminal`` and becomes a shell; its process id."""
    process = os.fork()
    if process == 0:
        try:
            _become_shell(terminal)
        except OSError:
            os._exit(NO_INPUT)
    return process


def serve(terminals: list[str]) -> None:
    """Attend every terminal, again when its shell ends. Returns when no terminal is left."""
    places = {attend(terminal): terminal for terminal in terminals}
    while places:
        process, status = os.wait()
        terminal = places.pop(process, None)
        if terminal and os.waitstatus_to_exitcode(status) != NO_INPUT:
            places[attend(terminal)] = terminal


def _become_shell(terminal: str) -> None:
    """A new session with the terminal as its own, so that job control and Ctrl-C work."""
    os.setsid()
    file = os.open(terminal, os.O_RDWR | os.O_NOCTTY)
    fcntl.ioctl(file, termios.TIOCSCTTY, 1)
    for standard in (0, 1, 2):
        os.dup2(file, standard)
    os.write(file, BANNER.encode())
    if not os.read(file, 1):
        os._exit(NO_INPUT)
    termios.tcflush(file, termios.TCIFLUSH)
    os.execv(SHELL[0], SHELL)  # noqa: S606 - a shell is what was asked for
