"""The columns of a batch of shots that lie in the database, so that a query opens no file.

They are one text, comma-separated with a head, because AiiDA walks through every entry of a list that it reads: 100 000
shots take seconds as lists and tenths of a second as text.  Times are rounded to 0.001 fs and energies to 1 µeV; the
arrays of the batch keep every digit.
"""

from __future__ import annotations

import csv
import io
from collections.abc import Iterable, Mapping
from typing import Any, Final

import numpy as np
import pandas as pd

TEXTS: Final = ("outcome", "group", "site", "ended")
WHOLE: Final = ("shot", "seed", "slab_state", "molecule_state")
#: Column → decimals that are kept.
ROUNDED: Final[Mapping[str, int]] = {"contact_fs": 3, "bond_fs": 3, "end_fs": 3, "kinetic_energy_in": 6}
#: All of them, in their order.
QUERYABLE: Final = (
    *("shot", "seed", "outcome", "group", "site", "ended"),
    *("contact_fs", "bond_fs", "end_fs", "kinetic_energy_in", "slab_state", "molecule_state"),
)
#: How such a text begins.
HEAD: Final = ",".join(QUERYABLE) + "\n"


def to_text(arrays: Mapping[str, Any]) -> str:
    """The attribute ``per_shot``; a time that never came is empty.

    :param arrays: those of ``shots.npz`` (:mod:`aiida_mlgun.science.shot_arrays`).
    """
    columns: list[list[Any]] = []
    for name in QUERYABLE:
        if name in ROUNDED:
            values = np.asarray(arrays[name], dtype=float)
            columns.append([f"{value:.{ROUNDED[name]}f}".rstrip("0") if np.isfinite(value) else "" for value in values])
        else:
            columns.append([str(value) for value in arrays[name]])
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(QUERYABLE)
    writer.writerows(zip(*columns, strict=True))
    return text.getvalue()


def from_texts(texts: Iterable[str]) -> pd.DataFrame:
    """The rows of several batches, each beginning with :data:`HEAD`, in one table; fs, eV."""
    body = HEAD + "".join(text.removeprefix(HEAD) for text in texts)
    kinds = {**dict.fromkeys(TEXTS, str), **dict.fromkeys(WHOLE, np.int64), **dict.fromkeys(ROUNDED, np.float64)}
    empty = {name: [""] for name in ROUNDED}
    return pd.read_csv(io.StringIO(body), dtype=kinds, keep_default_na=False, na_values=empty)
