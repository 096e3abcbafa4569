"""Outcomes: are they called by their names, how fast, and do the intervals hold?

Prints the confusion table of geometries made to measure, each as made, turned, permuted, moved across the boundary and
with bonds just inside and outside the limits; then the sampling maps of a large campaign (``sampling_maps.py``), a
question to 100 000 shots (``outcomes_query.py``) and the coverage of the intervals (``coverage.py``, with fewer
repetitions).  It ends with one line: ``outcomes: classes=…/13 wrong=… map_s=… query_100k_s=… coverage_fixed_n=…
coverage_sequential=…``; the coverages are those of the worst simulated case, nominal 0.95.
"""

from __future__ import annotations

import argparse
import sys
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[1]))

from coverage import fixed_n, sequentially
from outcomes_query import query_100k_s
from sampling_maps import map_seconds

from tests.science.outcomes.postures import (
    C_SI,
    POSTURES,
    Case,
    case,
    moved,
    permuted,
    stretched,
    turned,
)

COPIES = 4
#: A posture, one of its bonds, and what it is when that bond is broken.
WITHOUT = (
    ("on_top CY", (1, "a2"), "precursor"),
    ("on_top ET", (4, "a2"), "precursor"),
    ("bridge CY", (1, "b1"), "precursor"),
    ("bridge ET", (4, "b2"), "precursor"),
    ("precursor", (0, "a1"), "intact"),
    ("sublayer", (0, "s"), "intact"),
    ("sublayer_double", (0, "s"), "precursor"),
    ("double", (4, "b1"), "other"),
    ("other", (4, "b2"), "precursor"),
)


def geometries() -> Iterator[tuple[str, Case]]:
    """Outcome that it has, and geometry."""
    for name in POSTURES:
        one = case(name)
        yield name, one
        for seed in range(COPIES):
            yield name, permuted(moved(turned(one) if seed % 2 else one, (0.27 * seed, 0.61), (seed, -1)), seed)
    for name, bond, without in WITHOUT:
        yield name, case(stretched(name, bond, 1.25 * C_SI - 0.01))
        yield without, case(stretched(name, bond, 1.50 * C_SI + 0.01))


def confusion() -> Counter[tuple[str, str]]:
    """(what it is, what it is called) → how often."""
    return Counter((name, one.verdict().mode) for name, one in geometries())


def classes_and_wrong(table: Counter[tuple[str, str]]) -> tuple[int, int]:
    """How many classes are always called by their names, and how many geometries are not."""
    wrong = {pair: n for pair, n in table.items() if pair[0] != pair[1]}
    missed = {pair[0] for pair in wrong}
    return sum((name, name) in table and name not in missed for name in POSTURES), sum(wrong.values())


def show(table: Counter[tuple[str, str]]) -> None:
    """Rows: what it is.  Columns: what it is called."""
    names = [*POSTURES, *sorted({called for _, called in table} - set(POSTURES))]
    wide = max(map(len, names))
    print(" " * wide, *(f"{k:>3}" for k in range(len(names))))
    for k, name in enumerate(POSTURES):
        print(f"{name:>{wide}}", *(f"{table[name, called] or '.':>3}" for called in names), f"  {k}")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--repetitions", type=int, default=1000, help="simulated ensembles per case")
    args = parser.parse_args()
    table = confusion()
    show(table)
    classes, wrong = classes_and_wrong(table)
    maps = map_seconds()
    query = query_100k_s()
    fixed, _ = fixed_n(args.repetitions)
    sequential = min(sequentially(args.repetitions // 2))
    print(
        f"outcomes: classes={classes}/{len(POSTURES)} wrong={wrong} map_s={maps:.1f} query_100k_s={query:.2f}"
        f" coverage_fixed_n={fixed:.3f} coverage_sequential={sequential:.3f}"
    )


if __name__ == "__main__":
    main()
