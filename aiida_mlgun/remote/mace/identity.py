"""Which training a checkpoint is of: going on with other settings or frames would mix two trainings in one model."""

from __future__ import annotations

import ast
import math
from pathlib import Path
from typing import Any, TypeAlias

from ...contract.manifest import sha256_file

#: ``options``: MACE's, without what may change and without places; ``data``: file name → sha256.
Identity: TypeAlias = dict[str, dict[str, str]]

# MACE's options that a continuation may change: how far, how fast, where; not what is trained
FREE = frozenset(
    {
        "batch_size",
        "valid_batch_size",
        "max_num_epochs",
        "patience",
        "eval_interval",
        "device",
        "work_dir",
        "num_workers",
        "distributed",
        "launcher",
    }
)


def identify(argv: list[str], work: Path) -> Identity:
    """What a checkpoint must agree on: MACE's options without places, and the sha256 of the frames in ``work``."""
    options: dict[str, str] = {}
    for word in argv:
        key, _, value = word.removeprefix("--").partition("=")
        if key not in FREE:
            options[key] = value.replace(str(work), ".")
    return {"options": options, "data": {path.name: sha256_file(path) for path in sorted(work.glob("*.xyz"))}}


def difference(found: Identity, wanted: Identity) -> str | None:
    """The first thing in which two trainings differ, in words; None when they are the same."""
    for kind in ("options", "data"):
        before, now = found.get(kind, {}), wanted.get(kind, {})
        for key in sorted(before.keys() | now.keys()):
            old, new = before.get(key), now.get(key)
            if not _same(old, new):
                return f"a training with {key} {old}, this one has {new}" if kind == "options" else f"another {key}"
    return None


def _same(old: Any, new: Any) -> bool:
    """Equal, or numbers equal to six digits, wherever they stand: an estimated energy differs in its last ones."""
    if old == new:
        return True
    if isinstance(old, dict) and isinstance(new, dict):
        return old.keys() == new.keys() and all(_same(old[key], new[key]) for key in old)
    if isinstance(old, str) and isinstance(new, str):
        one, two = _read(old), _read(new)
        return not isinstance(one, str) and _same(one, two)
    numbers = all(isinstance(value, int | float) and not isinstance(value, bool) for value in (old, new))
    return numbers and math.isclose(old, new, rel_tol=1e-6)


def _read(text: str) -> Any:
    try:
        return ast.literal_eval(text)
    except (SyntaxError, ValueError):
        return text
