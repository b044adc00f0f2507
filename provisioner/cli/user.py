"""``clonesys user``: who may open the web page and read the API."""

from __future__ import annotations

import typer

from provisioner.cli.asking import Yes, ask
from provisioner.cli.context import of
from provisioner.cli.output import AsJson, print_json, say
from provisioner.commands.user.reset_password import ADMINISTRATOR, reset_password

app = typer.Typer(no_args_is_help=True, help="Who may open the web page and read the API.")


@app.callback()
def group() -> None:
    """Keep 'password' a verb of its own while it is the only one."""


@app.command()
def password(context: typer.Context, *, yes: Yes = False, as_json: AsJson = False) -> None:
    """Give the administrator a new password and print it, once. The old one ends at once."""
    ours = of(context)
    if not yes:
        ask("Make a new password for admin? The old one ends at once.")
    with ours.appliance() as appliance:
        made = reset_password(appliance, ours.actor)
    if as_json:
        print_json({"user": ADMINISTRATOR, "password": made})
        return
    say(f"web pages and API: user {ADMINISTRATOR}, password {made} (kept nowhere: note it now)")
