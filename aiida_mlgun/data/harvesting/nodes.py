"""Taking arrays and keys from the nodes of one calculation, by label and class."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, TypeVar

import numpy as np
from aiida import orm

from ...science.frames import Floats

Nodes = Mapping[str, orm.Data]
"""Output label → node; inputs carry the prefix ``input_`` (``input_structure``, ``input_parameters``)."""

T = TypeVar("T", bound=orm.Data)


def take(nodes: Nodes, label: str, kind: type[T]) -> T | None:
    """The node under ``label`` if there is one and it is a ``kind``."""
    node = nodes.get(label)
    return node if isinstance(node, kind) else None


def content(nodes: Nodes, label: str) -> dict[str, Any]:
    """The dictionary under ``label``, empty if there is none."""
    node = take(nodes, label, orm.Dict)
    return {} if node is None else dict(node.get_dict())


def array(node: orm.ArrayData | None, name: str) -> Floats | None:
    """One array as floats; None where the node does not have it."""
    if node is None or name not in node.get_arraynames():
        return None
    return np.asarray(node.get_array(name), dtype=np.float64)


def section(settings: Mapping[str, Any], *names: str) -> dict[str, Any]:
    """A nested section of an input, whatever the case of its keys, which come back lower-case; empty if absent."""
    found: Any = dict(settings)
    for name in names:
        found = next((value for key, value in found.items() if str(key).lower() == name.lower()), {})
        if not isinstance(found, Mapping):
            return {}
    return {str(key).lower(): value for key, value in found.items()}


def true(value: Any) -> bool:
    """Whether a stored flag means yes; some plugins keep text."""
    return str(value).strip(". ").lower() in ("true", "t", "1", "yes")
