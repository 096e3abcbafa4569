"""Calculation functions whose cached results are given out again by the version that made them alone."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, TypeVar

from aiida import orm

from ... import __version__

F = TypeVar("F", bound=Callable[..., Any])


def versioned(function: F) -> F:
    """Put above ``@calcfunction``: AiiDA hashes the function's own file, and not what it calls in other rooms."""
    function.is_valid_cache = _same_version  # type: ignore[attr-defined]  # AiiDA looks for it under this name
    return function


def _same_version(node: orm.ProcessNode) -> bool:
    return bool(node.base.attributes.get("version", {}).get("plugin") == __version__)
