"""Scheduler options that reach the submit script, checked before submission: AiiDA writes most of them as they are."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any, Final

from aiida import orm

from ..contract.errors import RefusedError

_WORD: Final = re.compile(r"[A-Za-z0-9_.:@/-]+")
_WORDS: Final = ("account", "queue_name", "qos", "priority")
#: Names of files in the job's folder.
_FILE: Final = re.compile(r"(?!\.{1,2}$)[A-Za-z0-9_.-]+")
_FILES: Final = ("scheduler_stdout", "scheduler_stderr", "submit_script_filename", "input_filename", "output_filename")
_VARIABLE: Final = re.compile(r"[A-Za-z_][A-Za-z0-9_]*")
_COUNTS: Final = {"max_wallclock_seconds": "seconds", "max_memory_kb": "kilobytes"}


def check_options(options: Mapping[str, Any]) -> None:
    """Refuse what the submit script would read as something else.

    ``prepend_text`` and ``append_text`` are shell code on purpose and are not looked at.

    :raises RefusedError: which option, and what may stand in it.
    """
    for names, pattern, allowed in ((_WORDS, _WORD, "_ . : @ / -"), (_FILES, _FILE, "_ . -")):
        for name in names:
            value = options.get(name)
            if value is not None and not (isinstance(value, str) and pattern.fullmatch(value)):
                raise RefusedError(f"{name}: {value!r} must be made of letters, digits and {allowed} alone.")
    for line in str(options.get("custom_scheduler_commands") or "").splitlines():
        if not line.startswith("#"):
            raise RefusedError(f"custom_scheduler_commands: {line!r} is no directive: it must begin with #.")
    for name, unit in _COUNTS.items():
        value = options.get(name)
        if value is not None and (type(value) is not int or value <= 0):
            raise RefusedError(f"{name} must be a positive number of {unit}, not {value!r}.")
    _check_variables(options.get("environment_variables") or {})
    _check_resources(options.get("resources") or {})


def validate_options(options: Any, _: Any) -> str | None:
    """:func:`check_options` as AiiDA's ports call it; a ``Dict`` node or a plain mapping."""
    try:
        check_options(options.get_dict() if isinstance(options, orm.Dict) else options)
    except RefusedError as error:
        return str(error)
    return None


def _check_variables(variables: Any) -> None:
    if not isinstance(variables, Mapping):
        raise RefusedError(f"environment_variables must map names to values, not be {variables!r}.")
    for name, value in variables.items():
        if not (isinstance(name, str) and _VARIABLE.fullmatch(name)):
            raise RefusedError(f"environment_variables: {name!r} is no name of a variable.")
        if not isinstance(value, str | int | float) or not str(value).isprintable():
            raise RefusedError(f"environment_variables: the value of {name} must be one printable line.")


def _check_resources(resources: Any) -> None:
    if not isinstance(resources, Mapping):
        raise RefusedError(f"resources must map names to numbers, not be {resources!r}.")
    for name, value in resources.items():
        if isinstance(value, str) and not _WORD.fullmatch(value):
            raise RefusedError(f"resources: {name}: {value!r} must be made of letters, digits and _ . : @ / - alone.")
