"""What a verb returns to ``main``: its output files, its numbers, how it ended."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any


@dataclass(frozen=True)
class RunResult:
    """``outputs`` are paths relative to the job's folder; ``status`` is a name of the status table.

    ``leftovers``: folders, relative too, that nobody needs any more once the manifest stands.
    """

    outputs: tuple[str, ...]
    numbers: dict[str, Any] = field(default_factory=dict)
    status: str = "ok"
    detail: str = ""
    leftovers: tuple[str, ...] = ()
