"""Dataclasses as JSON: canonical when written, checked field by field when read.

A leaf, for messages and for the headers of images. Reading is lenient about unknown and missing
optional fields, so that an older agent understands a newer appliance; with ``strict`` an object has
exactly its fields. Digests are bytes and travel as hexadecimal digits. Of a union of dataclasses each
has a class variable ``action``, which is written with it and tells them apart.
"""

from __future__ import annotations

import json
import math
import re
import types
from collections.abc import Sequence
from dataclasses import fields
from enum import Enum
from functools import cache
from typing import Any, Literal, NoReturn, TypeVar, Union, get_args, get_origin, get_type_hints

T = TypeVar("T")

TAG = "action"
_HEX = re.compile(r"(?:[0-9a-f]{2})*")
_SURROGATE = re.compile(r"[\ud800-\udfff]")
"""JSON can spell these, no file and no database can hold them."""


class MessageError(ValueError):
    """The other side sent something that is not the message it should be; the text says where and what."""


def encode(message: Any) -> bytes:
    """Canonical JSON (sorted keys, no spaces, ASCII) of a message."""
    return canonical(to_plain(message))


def canonical(value: Any) -> bytes:
    """A plain value as the one JSON text that stands for it."""
    return json.dumps(value, sort_keys=True, separators=(",", ":"), allow_nan=False).encode()


def decode(kind: type[T], data: bytes, *, strict: bool = False) -> T:
    """Read a message of type ``kind``. Raises MessageError with the path of the field at fault."""
    return from_plain(kind, parse(data, kind.__name__), kind.__name__, strict=strict)


def parse(data: bytes, where: str) -> Any:
    """JSON as RFC 8259 has it: no NaN, no Infinity. Raises MessageError."""

    def refuse(what: str) -> NoReturn:
        raise ValueError(f"{what} is no number")

    try:
        return json.loads(data, parse_constant=refuse)
    except (ValueError, RecursionError) as error:
        raise MessageError(f"{where}: not JSON: {error}") from error


def to_plain(value: Any) -> Any:
    """What JSON can say of a message: objects, lists, texts, numbers."""
    kind: Any = type(value)
    if _is_dataclass(kind):
        plain = {name: to_plain(getattr(value, name)) for name in _fields(kind)}
        return plain | {TAG: to_plain(getattr(value, TAG))} if _is_tagged(kind) else plain
    if isinstance(value, Enum):
        return value.value
    if isinstance(value, bytes):
        return value.hex()
    if isinstance(value, dict):
        return {to_plain(key): to_plain(item) for key, item in value.items()}
    return [to_plain(item) for item in value] if isinstance(value, tuple | list) else value


def from_plain(kind: type[T], value: Any, where: str, *, strict: bool = False) -> T:
    """A message from what :func:`to_plain` made of it. Raises MessageError, with paths below ``where``."""
    result: T = _convert(kind, value, where, strict)
    return result


def _convert(kind: Any, value: Any, where: str, strict: bool) -> Any:  # noqa: FBT001 - handed down
    origin = get_origin(kind)
    if origin in (Union, types.UnionType):
        return _one_of(get_args(kind), value, where, strict)
    if origin is tuple:
        _expect(isinstance(value, list), where, "a list", value)
        inner = get_args(kind)[0]
        return tuple(_convert(inner, item, f"{where}[{i}]", strict) for i, item in enumerate(value))
    if origin is dict:
        _expect(isinstance(value, dict), where, "an object", value)
        inner = get_args(kind)[1]
        return {key: _convert(inner, item, f"{where}.{key}", strict) for key, item in value.items()}
    if _is_dataclass(kind):
        return _object(kind, value, where, strict)
    return _scalar(kind, value, where)


def _one_of(options: Sequence[Any], value: Any, where: str, strict: bool) -> Any:  # noqa: FBT001 - handed down
    """A union: nothing, a chosen word, or whatever else it is made of."""
    if value is None and type(None) in options:
        return None
    rest = [option for option in options if option is not type(None)]
    if all(map(_is_tagged, rest)):
        return _tagged(rest, value, where, strict)
    for option in rest:
        if _is_choice(option) and _chooses(option, value):
            return _convert(option, value, where, strict)
    others = [option for option in rest if not _is_choice(option)]
    words = " or ".join(str(word) for option in rest if _is_choice(option) for word in _words(option))
    _expect(others, where, words, value)
    return _convert(others[0], value, where, strict)


def _tagged(options: Sequence[Any], value: Any, where: str, strict: bool) -> Any:  # noqa: FBT001 - handed down
    _expect(isinstance(value, dict), where, "an object", value)
    names = {to_plain(option.action): option for option in options}
    wanted = value.get(TAG)
    _expect(isinstance(wanted, str) and wanted in names, f"{where}.{TAG}", " or ".join(names), wanted)
    return _object(names[wanted], {k: v for k, v in value.items() if k != TAG}, where, strict)


def _object(kind: Any, value: Any, where: str, strict: bool) -> Any:  # noqa: FBT001 - handed down
    _expect(isinstance(value, dict), where, "an object", value)
    hints = _fields(kind)
    if strict and value.keys() != hints.keys():
        odd = sorted(map(str, value.keys() ^ hints.keys()))
        raise MessageError(f"{where}: other fields than expected: {', '.join(odd)[:200]}")
    known = {
        name: _convert(hint, value[name], f"{where}.{name}", strict)
        for name, hint in hints.items()
        if name in value
    }
    try:
        return kind(**known)
    except TypeError as error:
        raise MessageError(f"{where}: {error}") from error


def _scalar(kind: Any, value: Any, where: str) -> Any:
    if kind is Any:
        return value
    if _is_choice(kind):
        _expect(_chooses(kind, value), where, " or ".join(map(str, _words(kind))), value)
        return value if get_origin(kind) is Literal else kind(value)
    if kind is bytes:
        _expect(isinstance(value, str) and _HEX.fullmatch(value), where, "hexadecimal digits", value)
        return bytes.fromhex(value)
    if kind is float and type(value) in (int, float):
        _expect(abs(value) < 1 << 63 and math.isfinite(value), where, "a number of 64 bits", value)
        return float(value)
    _expect(type(value) is kind, where, kind.__name__, value)
    if kind is str:
        _expect(value.isascii() or _SURROGATE.search(value) is None, where, "a text in Unicode", value)
    elif kind is int:
        _expect(-1 << 63 <= value < 1 << 64, where, "a number of 64 bits", value)
    return value


def _is_tagged(kind: Any) -> bool:
    return _is_dataclass(kind) and hasattr(kind, TAG) and TAG not in _fields(kind)


def _is_dataclass(kind: Any) -> bool:
    """As :func:`dataclasses.is_dataclass`, which mypy takes for a promise that this is no type."""
    return hasattr(kind, "__dataclass_fields__")


def _is_choice(kind: Any) -> bool:
    return get_origin(kind) is Literal or (isinstance(kind, type) and issubclass(kind, Enum))


def _words(kind: Any) -> Sequence[Any]:
    """The values of an enum, or of a Literal."""
    return get_args(kind) if get_origin(kind) is Literal else [member.value for member in kind]


def _chooses(kind: Any, value: Any) -> bool:
    """Whether a value is one of the words. 1 is not True, nor 1.0."""
    return any(type(word) is type(value) and word == value for word in _words(kind))


@cache
def _fields(kind: Any) -> dict[str, Any]:
    """The fields of a dataclass and their types, looked up once."""
    hints = get_type_hints(kind)
    return {field.name: hints[field.name] for field in fields(kind)}


def _expect(holds: Any, where: str, what: str, value: Any) -> None:
    if not holds:
        # of what is nested only the kind: repr() of what json has just read may be too deep
        found = (
            "an object" if isinstance(value, dict) else "a list" if isinstance(value, list) else repr(value)
        )
        raise MessageError(f"{where}: expected {what}, found {found:.80}")
