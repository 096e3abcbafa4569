"""Sets of shot numbers as ranges [first, stop): a campaign of a million shots in a few numbers."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

Ranges = list[list[int]]  #: sorted, apart from each other, none empty; JSON


def ranges_of(numbers: Iterable[int]) -> Ranges:
    """The ranges that hold exactly these numbers, in any order, once or more often."""
    found: Ranges = []
    for number in sorted({int(n) for n in numbers}):
        if found and found[-1][1] == number:
            found[-1][1] = number + 1
        else:
            found.append([number, number + 1])
    return found


def joined(*parts: Sequence[Sequence[int]]) -> Ranges:
    """The ranges that hold what any of the parts holds."""
    found: Ranges = []
    for first, stop in sorted((first, stop) for part in parts for first, stop in part):
        if found and first <= found[-1][1]:
            found[-1][1] = max(found[-1][1], stop)
        else:
            found.append([first, stop])
    return found


def without(whole: Sequence[Sequence[int]], taken: Sequence[Sequence[int]]) -> Ranges:
    """What of ``whole`` is not in ``taken``; both sorted."""
    left: Ranges = []
    place = 0
    for first, stop in whole:
        while place < len(taken) and taken[place][1] <= first:
            place += 1
        at, i = first, place
        while i < len(taken) and taken[i][0] < stop:
            if taken[i][0] > at:
                left.append([at, taken[i][0]])
            at = max(at, taken[i][1])
            i += 1
        if at < stop:
            left.append([at, stop])
    return left


def size(ranges: Sequence[Sequence[int]]) -> int:
    """How many numbers the ranges hold."""
    return sum(stop - first for first, stop in ranges)


def cut(ranges: Sequence[Sequence[int]], n: int) -> tuple[Ranges, Ranges]:
    """The first ``n`` numbers, and the rest."""
    front: Ranges = []
    rest = [list(pair) for pair in ranges]
    while rest and n > 0:
        first, stop = rest[0]
        end = min(stop, first + n)
        front.append([first, end])
        n -= end - first
        rest[0][0] = end
        if end == stop:
            del rest[0]
    return front, rest


def spelled(ranges: Sequence[Sequence[int]]) -> str:
    """``0-99, 120``: as people write them; ``none`` if there is none."""
    return ", ".join(f"{first}-{stop - 1}" if stop - first > 1 else str(first) for first, stop in ranges) or "none"
