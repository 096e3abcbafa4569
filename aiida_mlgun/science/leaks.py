"""What stands on two sides of a split: frames by their geometry's hash, runs by their name."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass


@dataclass(frozen=True)
class Leak:
    """Frames (numbers in their own sets) of one geometry on two sides, or a run on two sides."""

    sides: tuple[str, str]
    frames: tuple[int, int] | None = None
    run: str | None = None

    def __str__(self) -> str:
        one, other = self.sides
        if self.frames is None:
            return f"the run {self.run!r} stands in {one} and in {other}"
        return f"frame {self.frames[0]} of {one} is frame {self.frames[1]} of {other}"


def shared_frames(hashes: Mapping[str, Sequence[bytes]]) -> list[Leak]:
    """Each geometry (``fingerprints.geometry_hashes``) that two sides have, once per pair of sides."""
    return [Leak(sides, frames=where) for sides, _, where in _shared(hashes)]


def shared_runs(runs: Mapping[str, Sequence[str]]) -> list[Leak]:
    """Each run that two sides have, once per pair of sides; frames without a run share none."""
    named = {side: [run or None for run in names] for side, names in runs.items()}
    return [Leak(sides, run=str(key)) for sides, key, _ in _shared(named)]


def _shared(
    columns: Mapping[str, Sequence[bytes | str | None]],
) -> list[tuple[tuple[str, str], bytes | str, tuple[int, int]]]:
    first = {
        side: {key: i for i, key in reversed(list(enumerate(keys))) if key is not None}
        for side, keys in columns.items()
    }
    sides = list(first)
    return [
        ((one, other), key, (i, first[other][key]))
        for a, one in enumerate(sides)
        for other in sides[a + 1 :]
        for key, i in sorted(first[one].items(), key=lambda item: item[1])
        if key in first[other]
    ]
