"""What a report is made from: arrays and plain tables."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from ..contract.errors import RefusedError
from ..science.outcomes import UNDECIDED
from ..science.shot_arrays import final_frame
from .cost import Effort
from .course import Course
from .curated import Curation
from .reference import Reference
from .trained import Trained

Floats = NDArray[np.float64]
Bools = NDArray[np.bool_]
Arrays = Mapping[str, NDArray[Any]]

#: The columns without which there is nothing to tell about shots; each further one adds its figure.
_NEEDED: Final = ("shot", "outcome")
_PLACEHOLDER: Final = " {group}"


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
class Movie:
    """The kept path of one shot.

    :param time_fs: (k,), fs; positions: (k, n_atoms, 3), Å, not folded into the cell.
    """

    time_fs: Floats
    positions: Floats


@dataclass(frozen=True)
class Ensemble:
    """The shots of one campaign.

    :param title: what was shot at what, such as ``C2H2 on Si(001) 2×2``.
    :param arrays: those of ``shots.npz``, of all batches (see :func:`~.batches.join_batches`).
    :param productive: outcome or mode name (``on_top CC0``, ``on_top {group}`` or ``on_top``) → whether it is binding.
    :param catalogue_order: outcome names in the order of tables and figures.
    :param groups: names of the reactive groups, in the order of the path's group index.
    :param reference: a distribution to show beside.
    :param highlight: the outcome that experiment sees, or a mode (``on_top``) for those of all its groups.
    :param precursors: modes in which the molecule waits for its next bond.
    :param mapped: name of the group whose centre the sampling maps follow; None: the first one.
    :param movies: shot number → its kept path, of those shots that are shown in motion.
    :param max_drift: limit of |total-energy drift|, meV/atom/ps.
    :raises RefusedError: when there are no shots, a column is missing, an outcome is in no catalogue, or ``highlight``
        or ``mapped`` name nothing that is there.
    """

    title: str
    arrays: Arrays
    productive: dict[str, bool]
    catalogue_order: list[str]
    groups: tuple[str, ...] = ()
    reference: Reference | None = None
    highlight: str | None = None
    precursors: tuple[str, ...] = ("precursor",)
    mapped: str | None = None
    movies: Mapping[int, Movie] = field(default_factory=dict)
    max_drift: float = 0.5

    def __post_init__(self) -> None:
        missing = [name for name in _NEEDED if name not in self.arrays]
        if missing:
            raise RefusedError(f"the shots lack the column {missing[0]!r}.")
        if not len(self.arrays["outcome"]):
            raise RefusedError("there are no shots to report on.")
        for outcome in self.order:
            self.is_productive(outcome)
        if self.highlight is not None and not any(map(self.is_highlighted, self.order)):
            known = ", ".join(self.order)
            raise RefusedError(f"the outcome to highlight, {self.highlight!r}, is in no catalogue. Known: {known}.")
        if self.mapped is not None and self.mapped not in self.groups:
            raise RefusedError(f"there is no group {self.mapped!r} to map. Known: {', '.join(self.groups) or 'none'}.")

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
        every = dict.fromkeys([*self.catalogue_order, *seen, *(self.reference.shares if self.reference else ())])
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

    def is_highlighted(self, outcome: str) -> bool:
        """Whether ``outcome`` is what experiment sees."""
        return self.highlight is not None and self.highlight in (outcome, outcome.split(" ")[0])

    def final(self, row: int) -> Floats | None:
        """(n_atoms, 3), Å, the last positions of the shot in ``row``; None if they are not kept."""
        if not self.has("final_offsets", "positions", "velocities"):
            return None
        kept = final_frame(self.arrays, row)
        return None if kept is None else kept[0]

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
    :param efforts: of the dynamics, one per kind of device.
    """

    rows: list[dict[str, Any]]
    efforts: tuple[Effort, ...] = ()


@dataclass(frozen=True)
class Report:
    """All that goes on the page; parts that are empty or None are left out.

    :param course: how the campaign of the ensemble went.
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
    course: Course | None = None
    costs: Cost | None = None
    provenance: list[tuple[str, str]] = field(default_factory=list)
    commands: list[str] = field(default_factory=list)
