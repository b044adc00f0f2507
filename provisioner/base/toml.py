"""From what pydantic found wrong in a TOML file to problems a person can act on. Pure.

Shared by the configuration and the profiles, so that both speak alike: every
problem at once, each with its dotted path, unknown keys with the nearest known one.
"""

from __future__ import annotations

import difflib
import tomllib
from typing import TYPE_CHECKING, Any

from pydantic import BaseModel, ConfigDict, ValidationError

from provisioner.base.errors import InvalidError, Problem

if TYPE_CHECKING:
    from pydantic_core import ErrorDetails


class Strict(BaseModel):
    """The base of everything read from TOML: frozen, unknown keys are problems, no guessing of types."""

    model_config = ConfigDict(frozen=True, extra="forbid", strict=True)


def parse_toml(text: str, name: str) -> dict[str, Any]:
    """The tables of a TOML text. Raises InvalidError with the line at fault; ``name`` is for the message."""
    try:
        return tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        problem = Problem("", f"not TOML: {error}")
        raise InvalidError(f"{name} cannot be read", (problem,), "mend the line and try again") from error


def problems_of(error: ValidationError, model: type[BaseModel]) -> list[Problem]:
    """Everything that ``error`` found in a file of shape ``model``, in the file's own words."""
    return [_problem(detail, model) for detail in error.errors(include_url=False, include_context=True)]


def _problem(detail: ErrorDetails, model: type[BaseModel]) -> Problem:
    path = [str(part) for part in detail["loc"] if part != "[key]"]
    where = ".".join(path)
    match detail["type"]:
        case "extra_forbidden":
            return Problem(where, "unknown key", _nearest(path, model))
        case "missing":
            return Problem(where, "is missing")
        case "enum" | "literal_error":
            return Problem(
                where, f"{detail['input']!r} is not allowed", f"allowed: {detail['ctx']['expected']}"
            )
        case "value_error":
            return Problem(where, str(detail["ctx"]["error"]))
        case _:
            return Problem(where, f"{detail['msg'].lower()}, found {detail['input']!r:.60}")


def _nearest(path: list[str], model: type[BaseModel]) -> str:
    fields = _fields_at(path[:-1], model)
    near = difflib.get_close_matches(path[-1], fields, n=1)
    if near:
        return f"did you mean {near[0]!r}?"
    return f"known here: {', '.join(fields)}" if fields else ""


def _fields_at(path: list[str], model: type[BaseModel]) -> list[str]:
    for name in path:
        field = model.model_fields.get(name)
        inner = field.annotation if field else None
        if not (isinstance(inner, type) and issubclass(inner, BaseModel)):
            return []
        model = inner
    return list(model.model_fields)
