"""What a report is made from: arrays and plain tables."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from ..contract.errors import RefusedError
from ..science.outcomes import UNDECIDED
from .curated import Curation
from .trained import Trained

Floats = NDArray[np.float64]
Bools = NDArray[np.bool_]
Arrays = Mapping[str, NDArray[Any]]

#: The columns without which there is nothing to tell about shots; each further one adds its figure.
_NEEDED: Final = ("shot", "outcome")
_PLACEHOLDER: Final = " {group}"
#: Arrays of ``shots.npz`` that all batches of one ensemble share.
_SHARED: Final = ("numbers", "cell", "pbc", "n_slab", "layer", "dimers", "surface_z")
#: offsets → the ragged arrays that they cut.
_RAGGED: Final = {"path_offsets": ("path",), "event_offsets": ("event_time", "event_text")}


@dataclass(frozen=True)
class Stage:
    """One stage of training.

    :param level: level of theory of the stage's labels.
    :param history: columns ``epoch``, ``loss``, ``rmse_energy`` (eV/atom), ``rmse_forces``, ``mae_forces`` (eV/Å).
    :param errors: set → stratum or ``all`` → ``n_frames``, ``mae_energy``, ``rmse_energy``, ``bias_energy`` (eV/atom),
        ``mae_forces``, ``rmse_forces`` (eV/Å); None where the set has no such label.
    :param settings: fields of the stage as it was asked for, and ``parent`` and ``n_train``, as far as they are known.
    :param checks: dicts ``check``, ``passed``, ``detail``: what was verified of the trained model.
    :param run: ``batch_size``, ``effective_batch``, ``resumed_from``, ``attempts``, ``wall_seconds``.
    """

    name: str
    level: str
    history: dict[str, list[Any]]
    errors: dict[str, dict[str, dict[str, Any]]]
    settings: dict[str, Any] = field(default_factory=dict)
    checks: list[dict[str, Any]] = field(default_factory=list)
    run: dict[str, Any] = field(default_factory=dict)


@dataclass(frozen=True)
class Forgetting:
    """Every stage's model on every stage's test set (row T7).

    :param rmse_forces: [model][set], eV/Å; ``rmse_energy``: eV/atom; None where it was not evaluated.
    :param own: set → index of the model whose stage it belongs to; None or empty if there is none.
    """

    models: list[str]
    sets: list[str]
    rmse_forces: list[list[float | None]]
    rmse_energy: list[list[float | None]]
    own: tuple[int | None, ...] = ()


@dataclass(frozen=True)
class Ensemble:
    """The shots of one campaign.

    :param title: what was shot at what, such as ``C2H2 on Si(001) 2×2``.
    :param arrays: those of ``shots.npz``, of all batches (see :func:`join_batches`).
    :param productive: outcome or mode name (``on_top CC0``, ``on_top {group}`` or ``on_top``) → whether it is binding.
    :param catalogue_order: outcome names in the order of tables and figures.
    :param groups: names of the reactive groups, in the order of the path's group index.
    :param reference: outcome → share (0 to 1) of a distribution to show beside, called ``reference_name``.
    :param highlight: the outcome that experiment sees.
    :param max_drift: limit of |total-energy drift|, meV/atom/ps.
    :raises RefusedError: when there are no shots, a column is missing, or an outcome is in no catalogue.
    """

    title: str
    arrays: Arrays
    productive: dict[str, bool]
    catalogue_order: list[str]
    groups: tuple[str, ...] = ()
    reference: dict[str, float] | None = None
    reference_name: str = "reference"
    highlight: str | None = None
    max_drift: float = 0.5

    def __post_init__(self) -> None:
        missing = [name for name in _NEEDED if name not in self.arrays]
        if missing:
            raise RefusedError(f"the shots lack the column {missing[0]!r}.")
        if not len(self.arrays["outcome"]):
            raise RefusedError("there are no shots to report on.")
        for outcome in self.order:
            self.is_productive(outcome)
        if self.highlight is not None and self.highlight not in self.order:
            raise RefusedError(f"the outcome to highlight, {self.highlight!r}, is in no catalogue.")

    def __len__(self) -> int:
        return len(self.arrays["outcome"])

    @property
    def outcomes(self) -> list[str]:
        """(n_shots,), the outcome of each shot."""
        return [str(outcome) for outcome in self.arrays["outcome"]]

    @property
    def seen(self) -> list[str]:
        """The outcomes that occur, in the order of :attr:`order`."""
        found = set(self.outcomes)
        known = [name for name in dict.fromkeys(self.catalogue_order) if name in found]
        rest = sorted(found - set(known), key=lambda name: (name == UNDECIDED, name))
        return known + rest

    @property
    def order(self) -> list[str]:
        """All outcomes, seen or not: binding ones first, each kind in the catalogue's order."""
        seen = self.seen
        every = dict.fromkeys([*self.catalogue_order, *seen, *(self.reference or {})])
        names = [name for name in every if _PLACEHOLDER not in name and (name in seen or name != UNDECIDED)]
        return sorted(names, key=lambda name: (name == UNDECIDED, not self.is_productive(name)))

    @property
    def n_slab(self) -> int:
        """Number of slab atoms; they come first."""
        return int(np.asarray(self.arrays["n_slab"]).ravel()[0])

    @property
    def bound(self) -> Bools:
        """(n_shots,), whether a shot ended in a binding outcome."""
        return np.array([self.is_productive(outcome) for outcome in self.outcomes], dtype=bool)

    def is_productive(self, outcome: str) -> bool:
        """Whether ``outcome`` counts as binding; an undecided shot does not.

        :raises RefusedError: when neither the outcome nor its mode is in ``productive``.
        """
        mode = outcome.split(" ")[0]
        for name in (outcome, mode + _PLACEHOLDER, mode):
            if name in self.productive:
                return self.productive[name]
        if outcome == UNDECIDED:
            return False
        raise RefusedError(f"the outcome {outcome!r} is in no catalogue: say whether it is binding.")

    def group_name(self, index: int) -> str:
        """The name of the path's group ``index``: from ``groups``, or from the column ``group`` if it has just one."""
        if index < len(self.groups):
            return self.groups[index]
        found = sorted({str(name) for name in self.arrays["group"]} - {""}) if self.has("group") else []
        return found[0] if index == 0 and not self.groups and len(found) == 1 else f"group {index}"

    def column(self, name: str) -> Floats:
        """(n_shots,), the column ``name`` as floats; NaN where the shots do not have it."""
        if name not in self.arrays:
            return np.full(len(self), np.nan)
        return np.asarray(self.arrays[name], dtype=np.float64)

    def has(self, *names: str) -> bool:
        """Whether the arrays hold all of ``names``."""
        return all(name in self.arrays for name in names)


@dataclass(frozen=True)
class Cost:
    """What it took.

    :param rows: dicts with ``what``, ``jobs``, ``wall_hours``, ``device``, ``note``.
    """

    rows: list[dict[str, Any]]


@dataclass(frozen=True)
class Report:
    """All that goes on the page; parts that are empty or None are left out.

    :param provenance: (label, text), where the results can be found.
    :param commands: what was typed to get here.
    """

    title: str
    subtitle: str
    curations: list[Curation] = field(default_factory=list)
    stages: list[Stage] = field(default_factory=list)
    forgetting: Forgetting | None = None
    trained: Trained = field(default_factory=Trained)
    ensemble: Ensemble | None = None
    costs: Cost | None = None
    provenance: list[tuple[str, str]] = field(default_factory=list)
    commands: list[str] = field(default_factory=list)


def join_batches(batches: Sequence[Arrays]) -> dict[str, NDArray[Any]]:
    """The arrays of several ``shots.npz`` as those of one, in the order given.

    :raises RefusedError: when there is no batch, or they are not of the same atoms or lack each other's arrays.
    """
    if not batches:
        raise RefusedError("there are no shots to report on.")
    first = batches[0]
    for batch in batches[1:]:
        if set(batch) != set(first):
            raise RefusedError(f"the batches differ in their arrays: {sorted(set(batch) ^ set(first))}.")
        if any(not np.array_equal(batch[name], first[name]) for name in ("numbers", "n_slab") if name in first):
            raise RefusedError("the batches are not of the same slab and molecule.")
    pieces = {name for names in _RAGGED.values() for name in names}
    joined: dict[str, NDArray[Any]] = {}
    for name in first:
        if name in _SHARED:
            joined[name] = first[name]
        elif name in _RAGGED:
            sizes = np.concatenate([np.diff(batch[name]) for batch in batches])
            joined[name] = np.concatenate([[0], np.cumsum(sizes)]).astype(np.int64)
        elif name in pieces or first[name].ndim:
            joined[name] = np.concatenate([batch[name] for batch in batches])
        else:
            joined[name] = first[name]
    return joined
