"""``clonesys profile``: boot profiles, which are TOML files."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from provisioner.base import access
from provisioner.base.errors import InvalidError, NotFoundError, ProvisionerError
from provisioner.base.home import Home
from provisioner.cli import completing
from provisioner.cli.context import of
from provisioner.cli.output import AsJson, print_json, remark, say
from provisioner.cli.table import print_table
from provisioner.commands.profile.add import AddProfile, add_profile, check_profile
from provisioner.commands.profile.remove import RemoveProfile, remove_profile
from provisioner.profiles import files
from provisioner.profiles.model import Profile
from provisioner.profiles.reading import BUILT_IN, read_profile

app = typer.Typer(no_args_is_help=True, help="Boot profiles: what a machine can be told to do.")

Name = Annotated[str, typer.Argument(help="The profile's name.", autocompletion=completing.profiles)]
File = Annotated[Path, typer.Argument(help="A TOML file.")]


@app.command("list")
def list_(context: typer.Context, *, as_json: AsJson = False) -> None:
    """List profiles, with what is wrong with those that are wrong."""
    found = files.list_profiles(of(context).home)
    if as_json:
        print_json({name: _plain(profile) for name, profile in found.items()})
        return
    print_table(("name", "action", ""), [(name, *_row(profile)) for name, profile in found.items()])


@app.command()
def show(context: typer.Context, name: Name, *, as_json: AsJson = False) -> None:
    """Show a profile as it was written."""
    home = of(context).home
    if as_json:
        print_json(_plain(files.load_profile(home, name)))
    elif name in BUILT_IN:
        say(f"# built in: {BUILT_IN[name].description}\naction = {BUILT_IN[name].action!r}")
    else:
        say(files.read_text(home, name).rstrip())


@app.command()
def check(context: typer.Context, file: File, *, as_json: AsJson = False) -> None:
    """Check a file, and its images where there is an appliance; says everything that is wrong at once."""
    ours = of(context)
    profile = read_profile(_read(file), file.stem)
    if Home(ours.home).is_made():
        with ours.appliance() as appliance:
            remark(check_profile(appliance, file.stem, profile))
    if as_json:
        print_json(_plain(profile))
    else:
        say(f"{file} is a good profile: {profile.action}")


@app.command()
def add(
    context: typer.Context,
    file: File,
    name: Annotated[str | None, typer.Option(help="Its name; default is the file's.")] = None,
    *,
    replace: Annotated[bool, typer.Option("--replace", help="Replace one of the same name.")] = False,
    as_json: AsJson = False,
) -> None:
    """Check a file and keep it in the appliance."""
    ours = of(context)
    with ours.appliance() as appliance:
        remark(add_profile(appliance, ours.actor, AddProfile(name or file.stem, _read(file), replace)))
    if as_json:
        print_json({"added": name or file.stem})
    else:
        say(f"added {name or file.stem}")


@app.command()
def rm(context: typer.Context, name: Name, *, as_json: AsJson = False) -> None:
    """Remove a profile. Jobs made from it stay as they are."""
    ours = of(context)
    with ours.appliance() as appliance:
        remove_profile(appliance, ours.actor, RemoveProfile(name))
    if as_json:
        print_json({"removed": name})
    else:
        say(f"removed {name}")


def _read(file: Path) -> str:
    try:
        return file.read_text()
    except (FileNotFoundError, IsADirectoryError) as error:
        raise NotFoundError(f"cannot read {file}: {error.strerror}", "name a TOML file") from error
    except OSError as error:
        raise access.in_words(error, file) from error
    except UnicodeDecodeError as error:
        raise InvalidError(f"{file} is no text", (), "a profile is a TOML file in UTF-8") from error


def _row(profile: Profile | ProvisionerError) -> tuple[str, str]:
    if isinstance(profile, ProvisionerError):
        return "-", profile.message
    return profile.action, profile.description


def _plain(profile: Profile | ProvisionerError) -> object:
    if isinstance(profile, ProvisionerError):
        return {"error": profile.message, "hint": profile.hint}
    return profile.model_dump(mode="json")
