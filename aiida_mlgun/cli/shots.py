"""``aiida-mlgun shots``: shots of the whole profile - find them, ask where they come from."""

from __future__ import annotations

from .root import cli


@cli.group("shots")
def shots() -> None:
    """Shots of all campaigns in the profile."""
