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
from collections.abc import Callable, Sequence
from dataclasses import dataclass, fields
from enum import Enum
from functools import cache
from typing import Annotated, Any, Literal, NoReturn, TypeVar, Union, get_args, get_origin, get_type_hints

T = TypeVar("T")

TAG = "action"
_HEX = re.compile(r"(?:[0-9a-f]{2})*")
_WORDS = (str, bool, int, float)
"""What a chosen word may be."""
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
    shape: Any = kind
    try:
        result: T = _reader(shape, strict)(value)
    except _FaultError as fault:
        raise MessageError(f"{where}{fault.path}: {fault}") from None
    return result


@dataclass(frozen=True, slots=True)
class Most:
    """The most that a field may hold, as ``Annotated[str, Most(255)]``: characters, or entries."""

    count: int


class _FaultError(Exception):
    """What is wrong. Where, is put together on the way up, so that what is right pays nothing for it."""

    path = ""


_Reader = Callable[[Any], Any]
"""Makes a value of its type from a plain one, or raises _FaultError."""


@cache
def _reader(kind: Any, strict: bool) -> _Reader:  # noqa: FBT001 - handed down
    """How values of a type are read, worked out once: a message may have a hundred thousand of them."""
    origin = get_origin(kind)
    if origin is Annotated:
        inner, *limits = get_args(kind)
        return _bounded(_reader(inner, strict), limits)
    if origin in (Union, types.UnionType):
        return _union(get_args(kind), strict)
    if origin is tuple:
        return _list(_reader(get_args(kind)[0], strict))
    if origin is dict:
        return _mapping(_reader(get_args(kind)[1], strict))
    if _is_dataclass(kind):
        return _object(kind, strict)
    return _scalar(kind)


def _bounded(inner: _Reader, limits: Sequence[Any]) -> _Reader:
    most = min(limit.count for limit in limits if isinstance(limit, Most))

    def read(value: Any) -> Any:
        # looked at first: what is too long is not even read
        if isinstance(value, str | list | dict) and len(value) > most:
            raise _FaultError(
                f"has {len(value)} {'characters' if isinstance(value, str) else 'entries'}, "
                f"at most {most} are allowed"
            )
        return inner(value)

    return read


def _list(inner: _Reader) -> _Reader:
    def read(value: Any) -> Any:
        _expect(isinstance(value, list), "a list", value)
        done: list[Any] = []
        try:
            for item in value:
                done.append(inner(item))  # noqa: PERF401 - its length says where the fault is
        except _FaultError as fault:
            fault.path = f"[{len(done)}]{fault.path}"
            raise
        return tuple(done)

    return read


def _mapping(inner: _Reader) -> _Reader:
    def read(value: Any) -> Any:
        _expect(isinstance(value, dict), "an object", value)
        done: dict[str, Any] = {}
        for key, item in value.items():
            try:
                done[_unicode(key)] = inner(item)
            except _FaultError as fault:
                fault.path = f".{key!r:.80}{fault.path}"
                raise
        return done

    return read


def _union(options: Sequence[Any], strict: bool) -> _Reader:  # noqa: FBT001 - handed down
    """A union: nothing, a chosen word, or whatever else it is made of."""
    rest = [option for option in options if option is not type(None)]
    inner = _tagged(rest, strict) if all(map(_is_tagged, rest)) else _word_or_other(rest, strict)
    if type(None) not in options:
        return inner
    return lambda value: None if value is None else inner(value)


def _word_or_other(options: Sequence[Any], strict: bool) -> _Reader:  # noqa: FBT001 - handed down
    choices = [option for option in options if _is_choice(option)]
    others = [_reader(option, strict) for option in options if not _is_choice(option)]
    words = [word for choice in choices for word in _words(choice)]
    known = {(type(word), word): _scalar(choice) for choice in choices for word in _words(choice)}

    def read(value: Any) -> Any:
        chosen = known.get((type(value), value)) if isinstance(value, _WORDS) else None
        if chosen is not None:
            return chosen(value)
        _expect(others, " or ".join(map(str, words)), value)
        return others[0](value)

    return read


def _tagged(options: Sequence[Any], strict: bool) -> _Reader:  # noqa: FBT001 - handed down
    readers = {to_plain(option.action): _object(option, strict) for option in options}

    def read(value: Any) -> Any:
        _expect(isinstance(value, dict), "an object", value)
        wanted = value.get(TAG)
        if not isinstance(wanted, str) or wanted not in readers:
            fault = _FaultError(f"expected {' or '.join(readers)}, found {_shown(wanted)}")
            fault.path = f".{TAG}"
            raise fault
        return readers[wanted]({k: v for k, v in value.items() if k != TAG})

    return read


def _object(kind: Any, strict: bool) -> _Reader:  # noqa: FBT001 - handed down
    readers = {name: _reader(hint, strict) for name, hint in _fields(kind).items()}

    def read(value: Any) -> Any:
        _expect(isinstance(value, dict), "an object", value)
        if strict and value.keys() != readers.keys():
            odd = sorted(map(str, value.keys() ^ readers.keys()))
            raise _FaultError(f"other fields than expected: {', '.join(odd)[:200]}")
        known: dict[str, Any] = {}
        for name, inner in readers.items():
            if name in value:
                try:
                    known[name] = inner(value[name])
                except _FaultError as fault:
                    fault.path = f".{name}{fault.path}"
                    raise
        try:
            return kind(**known)
        except TypeError as error:
            raise _FaultError(str(error)) from error

    return read


def _scalar(kind: Any) -> _Reader:
    if kind is Any:
        return lambda value: value
    if _is_choice(kind):
        return _choice(kind)
    if kind is bytes:
        return _bytes
    if kind is float:
        return _float

    def read(value: Any) -> Any:
        _expect(type(value) is kind, kind.__name__, value)
        return value

    if kind is str:
        return lambda value: _unicode(read(value))
    return _int if kind is int else read


def _choice(kind: Any) -> _Reader:
    """1 is not True, nor 1.0."""
    known = {(type(word), word): word if get_origin(kind) is Literal else kind(word) for word in _words(kind)}

    def read(value: Any) -> Any:
        if not isinstance(value, _WORDS) or (type(value), value) not in known:
            _refuse(" or ".join(map(str, _words(kind))), value)
        return known[type(value), value]

    return read


def _bytes(value: Any) -> bytes:
    _expect(isinstance(value, str) and _HEX.fullmatch(value), "hexadecimal digits", value)
    return bytes.fromhex(value)


def _float(value: Any) -> float:
    _expect(type(value) in (int, float), "float", value)
    _expect(abs(value) < 1 << 63 and math.isfinite(value), "a number of 64 bits", value)
    return float(value)


def _int(value: Any) -> int:
    _expect(type(value) is int, "int", value)
    _expect(-1 << 63 <= value < 1 << 64, "a number of 64 bits", value)
    return int(value)


def _unicode(value: str) -> str:
    _expect(value.isascii() or _SURROGATE.search(value) is None, "a text in Unicode", value)
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


@cache
def _fields(kind: Any) -> dict[str, Any]:
    """The fields of a dataclass and their types, looked up once."""
    hints = get_type_hints(kind, include_extras=True)
    return {field.name: hints[field.name] for field in fields(kind)}


def _expect(holds: Any, what: str, value: Any) -> None:
    if not holds:
        _refuse(what, value)


def _refuse(what: str, value: Any) -> NoReturn:
    raise _FaultError(f"expected {what}, found {_shown(value)}")


def _shown(value: Any) -> str:
    """A value in an error, cut. Of what is nested only the kind: it may be too deep for repr()."""
    if isinstance(value, dict | list):
        return "an object" if isinstance(value, dict) else "a list"
    return f"{value if isinstance(value, bool | int | float | None) else value[:80]!r:.80}"
