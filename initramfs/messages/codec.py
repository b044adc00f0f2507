"""Messages as JSON: canonical when written, checked field by field when read.

A leaf. Strict about types and required fields; lenient about unknown ones, so that an older
agent understands a newer appliance.
"""

from __future__ import annotations

import json
import types
from dataclasses import asdict, fields, is_dataclass
from enum import StrEnum
from typing import Any, TypeVar, Union, get_args, get_origin, get_type_hints

T = TypeVar("T")


class WireError(ValueError):
    """The other side sent something that is not the message it should be; the text says where and what."""


def encode(message: Any) -> bytes:
    """Canonical JSON (sorted keys, no spaces) of a message."""
    return json.dumps(asdict(message), sort_keys=True, separators=(",", ":")).encode()


def decode(kind: type[T], data: bytes) -> T:
    """Read a message of type ``kind``. Raises WireError with the path of the field at fault."""
    try:
        value = json.loads(data)
    except ValueError as error:
        raise WireError(f"{kind.__name__}: not JSON: {error}") from error
    result: T = _convert(kind, value, kind.__name__)
    return result


def _convert(kind: Any, value: Any, where: str) -> Any:
    origin = get_origin(kind)
    if origin in (Union, types.UnionType):
        if value is None:
            return None
        (inner,) = (option for option in get_args(kind) if option is not type(None))
        return _convert(inner, value, where)
    if origin is tuple:
        _expect(isinstance(value, list), where, "a list", value)
        return tuple(_convert(get_args(kind)[0], item, f"{where}[{i}]") for i, item in enumerate(value))
    if origin is dict:
        _expect(isinstance(value, dict), where, "an object", value)
        return {key: _convert(get_args(kind)[1], item, f"{where}.{key}") for key, item in value.items()}
    if is_dataclass(kind):
        return _object(kind, value, where)
    return _scalar(kind, value, where)


def _object(kind: Any, value: Any, where: str) -> Any:
    _expect(isinstance(value, dict), where, "an object", value)
    hints = get_type_hints(kind)
    known = {
        f.name: _convert(hints[f.name], value[f.name], f"{where}.{f.name}")
        for f in fields(kind)
        if f.name in value
    }
    try:
        return kind(**known)
    except TypeError as error:
        raise WireError(f"{where}: {error}") from error


def _scalar(kind: Any, value: Any, where: str) -> Any:
    if isinstance(kind, type) and issubclass(kind, StrEnum):
        try:
            return kind(value)
        except ValueError as error:
            raise WireError(f"{where}: {error}") from error
    if kind is float and isinstance(value, int) and not isinstance(value, bool):
        return float(value)
    _expect(type(value) is kind, where, kind.__name__, value)
    return value


def _expect(holds: bool, where: str, what: str, value: Any) -> None:  # noqa: FBT001 - an assertion's first argument
    if not holds:
        raise WireError(f"{where}: expected {what}, found {value!r:.80}")
