"""JSON to frozen dataclasses, refusing what does not fit: unknown keys, wrong types, numbers that are not finite."""

from __future__ import annotations

import dataclasses
import math
import types
import typing
from collections.abc import Mapping, Sequence
from typing import Any, TypeVar

from .errors import RefusedError

T = TypeVar("T")


def load(cls: type[T], data: object, where: str = "job") -> T:
    """Build the dataclass ``cls`` from plain JSON data.

    :param where: the name of the place in the document, for the error message.
    :raises RefusedError: naming the key, what was found and what was expected.
    """
    if not isinstance(data, Mapping):
        raise RefusedError(f"{where}: a mapping is needed, not {_kind(data)}.")
    hints = typing.get_type_hints(cls)
    fields = {f.name: f for f in dataclasses.fields(cls) if f.init}  # type: ignore[arg-type]
    unknown = sorted(str(key) for key in data if key not in fields)
    if unknown:
        raise RefusedError(f"{where}: unknown key {unknown[0]!r}. Known: {', '.join(sorted(fields))}.")
    values: dict[str, Any] = {}
    for name, field in fields.items():
        if name in data:
            values[name] = _value(hints[name], data[name], f"{where}.{name}")
        elif field.default is dataclasses.MISSING and field.default_factory is dataclasses.MISSING:
            raise RefusedError(f"{where}: the key {name!r} is missing.")
    return cls(**values)


def dump(value: object) -> Any:
    """Plain JSON data from a dataclass: tuples become lists."""
    if dataclasses.is_dataclass(value) and not isinstance(value, type):
        return {f.name: dump(getattr(value, f.name)) for f in dataclasses.fields(value)}
    if isinstance(value, Mapping):
        return {str(key): dump(item) for key, item in value.items()}
    if isinstance(value, tuple | list):
        return [dump(item) for item in value]
    return value


def require(condition: bool, message: str) -> None:
    """Raise :class:`RefusedError` with ``message`` unless ``condition`` holds."""
    if not condition:
        raise RefusedError(message)


def _value(hint: Any, value: Any, where: str) -> Any:
    origin = typing.get_origin(hint)
    if origin in (typing.Union, types.UnionType):
        options = typing.get_args(hint)
        if value is None and type(None) in options:
            return None
        return _value(next(o for o in options if o is not type(None)), value, where)
    if origin is typing.Literal:
        if value not in typing.get_args(hint):
            choices = ", ".join(map(str, typing.get_args(hint)))
            raise RefusedError(f"{where}: {value!r} is not one of {choices}.")
        return value
    if origin is tuple:
        if not isinstance(value, Sequence) or isinstance(value, str):
            raise RefusedError(f"{where}: a list is needed, not {_kind(value)}.")
        inner = typing.get_args(hint)
        if len(inner) == 2 and inner[1] is Ellipsis:
            return tuple(_value(inner[0], item, f"{where}[{i}]") for i, item in enumerate(value))
        if len(value) != len(inner):
            raise RefusedError(f"{where}: {len(inner)} entries are needed, not {len(value)}.")
        return tuple(_value(h, item, f"{where}[{i}]") for i, (h, item) in enumerate(zip(inner, value, strict=True)))
    if origin is dict:
        if not isinstance(value, Mapping):
            raise RefusedError(f"{where}: a mapping is needed, not {_kind(value)}.")
        inner_hint = typing.get_args(hint)[1]
        return {str(key): _value(inner_hint, item, f"{where}.{key}") for key, item in value.items()}
    if dataclasses.is_dataclass(hint):
        return load(typing.cast("type[Any]", hint), value, where)
    if hint is Any:
        return value
    return _scalar(hint, value, where)


def _scalar(hint: Any, value: Any, where: str) -> Any:
    if hint is float and isinstance(value, int | float) and not isinstance(value, bool):
        if not math.isfinite(value):
            raise RefusedError(f"{where}: {value} is not a finite number.")
        return float(value)
    if hint is int and isinstance(value, float) and value.is_integer():
        return int(value)
    if hint is int and isinstance(value, bool):
        raise RefusedError(f"{where}: an integer is needed, not {_kind(value)}.")
    if isinstance(value, hint):
        return value
    raise RefusedError(
        f"{where}: {_kind(hint) if not isinstance(hint, type) else hint.__name__} is needed, not {value!r}."
    )


def _kind(value: object) -> str:
    return "nothing" if value is None else type(value).__name__
