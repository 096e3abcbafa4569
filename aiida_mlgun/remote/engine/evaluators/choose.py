"""The evaluator of a job: the first of the faster ones that gives the reference's energies and forces, or torch."""

from __future__ import annotations

import copy
import time
from collections.abc import Callable, Sequence
from typing import Any, TypeAlias

import numpy as np
import torch
from ase.data import chemical_symbols
from numpy.typing import NDArray

from ....contract.errors import RefusedError
from ....contract.shooting import Dynamics
from ...mace.cuequivariance_model import accelerated
from ...mace.elements import restricted
from . import probe
from .committee import Committee
from .factorised import FactorisedMace
from .symmetrix import SymmetrixMace
from .system import System, look_up, tensor
from .torch_mace import TorchMace

Model: TypeAlias = torch.nn.Module
Member: TypeAlias = TorchMace | SymmetrixMace
Record: TypeAlias = dict[str, Any]
_DTYPE = {"float64": torch.float64, "mixed": torch.float32}
#: What ``auto`` tries before torch, fastest first.
ORDER = {"cpu": ("symmetrix", "factorised"), "cuda": ("symmetrix", "cuequivariance", "factorised")}
_EQUAL = 1e-10  # of the largest force: a model cut down to its elements sums the same numbers in another order


def make_evaluator(
    models: Model | Sequence[Model],
    numbers: NDArray[np.integer[Any]],
    cell: NDArray[np.float64],
    pbc: NDArray[np.bool_],
    dynamics: Dynamics,
    device: str | torch.device,
    probe_positions: NDArray[np.float64],
) -> tuple[TorchMace | SymmetrixMace | Committee, Record]:
    """What computes forces for ``dynamics``, and the record of how it was chosen, for the manifest.

    Every evaluator but torch is compared with torch in float64, see :mod:`.probe`.  One that fails is passed over, and
    the record says why: with ``auto`` and with a name.

    :param models: one, or the members of a committee; in float64, or the reference is as coarse as they are.  They
        stay as they are.
    :param numbers: (n,).   :param cell: (3, 3), Å.   :param pbc: (3,).
    :param probe_positions: (k, n, 3), Å, the job's first start states.
    :raises RefusedError: for an element that a model lacks, and for an evaluator asked for by name that is not
        installed or can't do a model.
    """
    start = time.monotonic()
    target, system = torch.device(device), System(np.asarray(numbers), np.asarray(cell), np.asarray(pbc))
    given = [models] if isinstance(models, torch.nn.Module) else list(models)
    chosen = _Choice(given, system, dynamics, target, probe_positions)
    named = dynamics.evaluator
    wanted = ORDER[target.type] if named == "auto" else (() if named == "torch" else (named,))
    members, name = chosen.first(wanted, named != "auto")
    evaluator = members[0] if len(members) == 1 else Committee(members)
    record = {
        "asked": named,
        "evaluator": name,
        "precision": dynamics.precision,
        "models": len(members),
        "elements": [[chemical_symbols[z] for z in chosen.elements(k)] for k in range(len(given))],
        "tolerances": {
            "energy_ev_per_atom": probe.ENERGY_TOLERANCE,
            "force_share": probe.FORCE_TOLERANCE,
            "force_ev_per_angstrom": probe.FORCE_FLOOR,
            "slope_share": probe.GRADIENT_TOLERANCE,
        },
        "tried": chosen.tried,
        "kernels": chosen.tried[-1].get("kernels", []),
        "seconds": time.monotonic() - start,
    }
    return evaluator, record


class _Choice:
    """The models on their device, cut down to the elements that are there, and what torch in float64 says of them."""

    def __init__(
        self, models: Sequence[Model], system: System, dynamics: Dynamics, device: torch.device, starts: Any
    ) -> None:
        self.system, self.dynamics, self.device = system, dynamics, device
        self.dtype = _DTYPE[dynamics.precision]
        self.rows = probe.geometries(starts, system).to(device)
        self.models = [self._cut(model) for model in models]
        self.tried: list[Record] = []
        self._truth: list[tuple[torch.Tensor, torch.Tensor]] = []

    def first(self, wanted: Sequence[str], by_name: bool) -> tuple[list[Member], str]:
        """The members of the first evaluator of ``wanted`` that passes, else torch's."""
        makers: dict[str, Callable[[Model], Member]] = {
            "symmetrix": self._symmetrix,
            "factorised": self._factorised,
            "cuequivariance": lambda model: self._torch(accelerated(copy.deepcopy(model).to(self.dtype))),
        }
        for name in wanted:
            start = time.monotonic()
            told: Record = {"name": name, "status": "ok", "detail": ""}
            self.tried.append(told)
            try:
                members = [makers[name](model) for model in self.models]
            except RefusedError as error:
                if by_name:
                    raise
                told |= {"status": "unavailable", "detail": str(error), "seconds": time.monotonic() - start}
                continue
            told["setup_seconds"] = time.monotonic() - start
            told["detail"] = "; ".join(sorted({str(getattr(member, "note", "")) for member in members} - {""}))
            told["kernels"] = sorted({key for member in members for key in getattr(member, "kernels", ())})
            found = [self._probe(member, k) for k, member in enumerate(members)]
            for key in ("energy_error", "force_error", "slope_error"):
                worst = max(getattr(one, key) for one in found)
                told[key] = worst if np.isfinite(worst) else None
            wrong = "; ".join(one.wrong for one in found if one.wrong)
            told["seconds"] = time.monotonic() - start
            if not wrong:
                return members, name
            told |= {"status": "failed", "detail": f"{wrong}; it is passed over."}
        self.tried.append({"name": "torch", "status": "reference", "detail": ""})
        return [self._torch(copy.deepcopy(model).to(self.dtype)) for model in self.models], "torch"

    def elements(self, k: int) -> list[int]:
        """The atomic numbers that model ``k`` still knows."""
        return [int(z) for z in tensor(self.models[k], "atomic_numbers")]

    def _torch(self, model: Model) -> TorchMace:
        own, skin = self.dynamics.own_graphs, self.dynamics.skin
        return TorchMace(model.to(self.dtype), self.system, skin=skin, own_graphs=own)

    def _symmetrix(self, model: Model) -> SymmetrixMace:
        return SymmetrixMace(model, self.system, dtype=self.dtype, skin=self.dynamics.skin, device=self.device)

    def _factorised(self, model: Model) -> FactorisedMace:
        own, skin = self.dynamics.own_graphs, self.dynamics.skin
        return FactorisedMace(model, self.system, dtype=self.dtype, skin=skin, own_graphs=own)

    def _probe(self, member: Member, k: int) -> probe.Probed:
        while len(self._truth) <= k:
            self._truth.append(self._reference(self.models[len(self._truth)], self.rows))
        return probe.compare(member, self.dtype, self.rows, *self._truth[k])

    def _cut(self, model: Model) -> Model:
        whole = copy.deepcopy(model).to(device=self.device, dtype=torch.float64)
        there = [int(z) for z in self.system.numbers]
        if len(set(there)) == len(look_up(whole, self.system).elements):
            return whole
        small: Model = restricted(whole, there)
        touching = self.rows[[-1]]
        before, after = self._reference(whole, touching)[1], self._reference(small, touching)[1]
        same = float((before - after).abs().max()) <= _EQUAL * float(before.abs().max())
        return small if same else whole

    def _reference(self, model: Model, rows: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
        """Energies and forces by torch in float64, one row at a time: memory for one is memory for all."""
        evaluate = TorchMace(model, self.system, own_graphs=True, deferred=False)
        parts = [evaluate(row[None], [0]) for row in rows]
        energies, forces = (torch.cat(both) for both in zip(*parts, strict=True))
        return energies, forces
