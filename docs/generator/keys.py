"""The keys of a TOML file, out of the pydantic models that read it. Pure.

A table may be one of several models (a union): a key is then listed once, with all that it may be.
"""

from __future__ import annotations

import json
import types
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from enum import Enum
from typing import Annotated, Any, Literal, Union, get_args, get_origin

from annotated_types import Ge, Le
from pydantic import AfterValidator, BaseModel, BeforeValidator
from pydantic.fields import FieldInfo

from docs.generator.markdown import bounds, code

PLAIN = {str: "text", int: "integer", bool: "`true` or `false`", types.NoneType: ""}
UNIONS = (Union, types.UnionType)


@dataclass(frozen=True, slots=True)
class Key:
    """One key; ``path`` is dotted. Of a table, ``kind`` is ``table`` and ``default`` empty."""

    path: str
    kind: str
    default: str

    @property
    def is_table(self) -> bool:
        """Whether other keys are inside of it, each with a path of its own."""
        return self.kind == "table"


def keys_of(shape: Any, accepted: Mapping[str, str]) -> Iterator[Key]:
    """Every key that ``shape`` reads, tables before what is in them.

    ``shape`` is a model, or a union of models. ``accepted`` says what the functions that read a value (by
    name) accept; LookupError names one that it lacks.
    """
    return _keys(_models(shape), accepted, "")


def _keys(models: list[type[BaseModel]], accepted: Mapping[str, str], above: str) -> Iterator[Key]:
    fields: dict[str, list[FieldInfo]] = {}
    for model in models:
        for name, field in model.model_fields.items():
            fields.setdefault(name, []).append(field)
    for name, found in fields.items():
        path = f"{above}{name}"
        if inner := [model for field in found for model in _models(field.annotation)]:
            yield Key(path, "table", "")
            yield from _keys(inner, accepted, f"{path}.")
        else:
            kinds = [_kind(field.annotation, field.metadata, accepted) for field in found]
            yield Key(path, _joined(kinds), _joined([_default(field) for field in found]))


def _models(shape: Any) -> list[type[BaseModel]]:
    if isinstance(shape, type) and issubclass(shape, BaseModel):
        return [shape]
    if get_origin(shape) in (*UNIONS, Annotated):
        return [model for part in get_args(shape) for model in _models(part)]
    return []


def _joined(words: list[str]) -> str:
    return " or ".join(dict.fromkeys(word for word in words if word))


def _kind(shape: Any, metadata: Sequence[Any], accepted: Mapping[str, str]) -> str:
    for item in metadata:
        if isinstance(item, AfterValidator | BeforeValidator):
            return _accepted(getattr(item.func, "__name__", ""), accepted)
    if isinstance(shape, type) and issubclass(shape, Enum):
        return choice([member.value for member in shape])
    if shape in PLAIN:
        return PLAIN[shape] + _bounds(metadata)
    return _composed(get_origin(shape), get_args(shape), metadata, accepted)


def _composed(origin: Any, parts: Any, metadata: Sequence[Any], accepted: Mapping[str, str]) -> str:
    if origin is Literal:
        return choice(parts)
    if origin is Annotated:
        return _kind(parts[0], parts[1:], accepted)
    if origin in UNIONS:
        return _joined([_kind(part, metadata, accepted) for part in parts])
    inner = [_kind(part, (), accepted) for part in parts]
    return f"list of {inner[0]}" if origin is list else f"table of {' = '.join(inner)}"


def choice(values: Iterable[Any]) -> str:
    """One of these values, as TOML writes them."""
    return ", ".join(code(json.dumps(value)) for value in values)


def _accepted(reader: str, accepted: Mapping[str, str]) -> str:
    if reader not in accepted:
        raise LookupError(f"say in docs/generator/meanings.py what {reader!r} accepts")
    return accepted[reader]


def _bounds(metadata: Sequence[Any]) -> str:
    flat = [part for item in metadata for part in getattr(item, "metadata", (item,))]
    low = next((item.ge for item in flat if isinstance(item, Ge)), None)
    high = next((item.le for item in flat if isinstance(item, Le)), None)
    return bounds(low, high)


def _default(field: FieldInfo) -> str:
    if field.is_required():
        return "required"
    value = field.get_default(call_default_factory=True, validated_data={})
    if value is None or value == {}:
        return "none"
    return code(json.dumps(value))
