"""A model in the forms of other programs: MACE's own pickle, LAMMPS through libtorch, LAMMPS through ML-IAP.

Made with the classes behind MACE's ``mace_create_lammps_model`` (0.3.16), without its pickle on the way in and without
its question for a head.  The ML-IAP file holds e3nn's kernels; MACE's tool puts cuEquivariance's there.
"""

from __future__ import annotations

import warnings
from pathlib import Path
from typing import Any, Final

import numpy as np
import torch
from e3nn.util import jit
from mace import data
from mace.calculators import LAMMPS_MACE, MACECalculator
from mace.calculators.lammps_mliap_mace import LAMMPS_MLIAP_MACE
from mace.tools import AtomicNumberTable, torch_geometric
from mace.tools.scripts_utils import remove_pt_head

from ...contract.errors import RefusedError, RunFailedError
from ...science.frames import Floats
from .loading import own_pickles_allowed
from .predict import species
from .rebuild import MaceModel
from .store import probe_frames

Pair = tuple[Floats, Floats]

#: Relative; TorchScript and sums in another order change the last digits only.
TOLERANCE: Final = {"float64": 1e-9, "float32": 1e-4}


def head_to_write(heads: list[str], wanted: str | None, form: str) -> str | None:
    """The head that the file is for; None means all of several.

    :raises RefusedError: no such head, or LAMMPS would have to choose one.
    """
    if wanted is not None and wanted not in heads:
        raise RefusedError(f"the model has no head {wanted!r}. It has: {', '.join(heads)}.")
    if wanted is None and len(heads) > 1 and form != "mace":
        raise RefusedError(f"the model has the heads {', '.join(heads)}: name the one that LAMMPS is to use (head).")
    return wanted if wanted is not None or len(heads) > 1 else heads[0]


def write(model: MaceModel, head: str | None, form: str, path: Path) -> None:
    """Write ``model`` (it may be changed on the way) to ``path``."""
    if head is not None and len(model.heads) > 1:
        model = _alone(model, head)
    if form == "mace":
        torch.save(model, path)
    elif form == "lammps":
        with warnings.catch_warnings():
            warnings.filterwarnings("ignore", "The TorchScript type system", UserWarning)
            warnings.simplefilter("ignore", DeprecationWarning)
            jit.compile(LAMMPS_MACE(model, head=model.heads[0])).save(str(path))
    else:
        model.lammps_mliap = True
        torch.save(LAMMPS_MLIAP_MACE(model, head=model.heads[0]), path)


def check(model: MaceModel, head: str | None, form: str, path: Path) -> tuple[float, float]:
    """Largest differences (eV, eV/Å) between ``path`` and the stored ``model`` on clusters of its elements.

    :raises RunFailedError: ``model_not_rebuilt`` when they exceed the tolerance.
    """
    dtype = str(next(model.parameters()).dtype).removeprefix("torch.")
    readers = {"mace": _with_mace, "lammps": _with_libtorch, "lammps-mliap": _with_mliap}
    worst = [0.0, 0.0]
    for name in [head] if head is not None else list(model.heads):
        wanted = _calculated(MACECalculator(models=[model], device="cpu", default_dtype=dtype, head=name), model)
        found = readers[form](path, model, name)
        for i, (what, unit) in enumerate((("energies", "eV"), ("forces", "eV/Å"))):
            limit = TOLERANCE[dtype] * max(1.0, float(np.abs(wanted[i]).max()))
            off = float(np.abs(found[i] - wanted[i]).max())
            worst[i] = max(worst[i], off)
            if not off <= limit:
                message = f"the exported file's {what} differ by {off:.2e} {unit}, {limit:.2e} is allowed."
                raise RunFailedError("model_not_rebuilt", message)
    return worst[0], worst[1]


def _alone(model: MaceModel, head: str) -> MaceModel:
    before = torch.get_default_dtype()
    torch.set_default_dtype(next(model.parameters()).dtype)
    try:
        with warnings.catch_warnings():
            warnings.filterwarnings("ignore", "To copy construct from a tensor", UserWarning)
            single: MaceModel = remove_pt_head(model, head)
        return single.to(next(model.parameters()).dtype).eval()
    finally:
        torch.set_default_dtype(before)


def _calculated(calculator: Any, model: MaceModel) -> Pair:
    frames = probe_frames(species(model))
    energies, forces = [], []
    for i in range(len(frames)):
        atoms = frames.atoms(i)
        atoms.calc = calculator
        energies.append(atoms.get_potential_energy())
        forces.append(atoms.get_forces())
    return np.array(energies, dtype=np.float64), np.concatenate(forces).astype(np.float64)


def _with_mace(path: Path, model: MaceModel, head: str) -> Pair:
    dtype = str(next(model.parameters()).dtype).removeprefix("torch.")
    with own_pickles_allowed(), warnings.catch_warnings():  # written by this very process
        warnings.filterwarnings("ignore", "Environment variable TORCH_FORCE", UserWarning)
        calculator = MACECalculator(model_paths=str(path), device="cpu", default_dtype=dtype, head=head)
    return _calculated(calculator, model)


def _graphs(model: MaceModel) -> list[dict[str, Any]]:
    frames, table = probe_frames(species(model)), AtomicNumberTable(species(model))
    before = torch.get_default_dtype()
    torch.set_default_dtype(next(model.parameters()).dtype)
    try:
        configs = [data.config_from_atoms(frames.atoms(i)) for i in range(len(frames))]
        graphs = [data.AtomicData.from_config(one, z_table=table, cutoff=float(model.r_max)) for one in configs]
        return [dict(torch_geometric.Batch.from_data_list([graph]).to_dict()) for graph in graphs]
    finally:
        torch.set_default_dtype(before)


def _with_libtorch(path: Path, model: MaceModel, head: str) -> Pair:
    load: Any = torch.jit.load  # has no types
    program = load(str(path), map_location="cpu")
    energies, forces = [], []
    for graph in _graphs(model):
        tensors = {key: value for key, value in graph.items() if isinstance(value, torch.Tensor)}
        tensors["positions"].requires_grad_(True)
        out = program(tensors, torch.ones(len(tensors["positions"]), dtype=tensors["positions"].dtype), False)
        energies.append(float(out["total_energy_local"].detach()))
        forces.append(out["forces"].detach().double().numpy())
    return np.array(energies), np.concatenate(forces)


class _Neighbours:
    """What LAMMPS hands to ML-IAP for a cluster in the open: no ghosts, so there is nothing to exchange."""

    def __init__(self, graph: dict[str, Any]) -> None:
        sender, receiver = graph["edge_index"]
        self.nlocal = self.ntotal = len(graph["positions"])
        self.npairs = len(sender)
        self.elems = graph["node_attrs"].argmax(dim=1)
        self.pair_i, self.pair_j = receiver, sender
        self.rij = graph["positions"][sender] - graph["positions"][receiver]
        self.eatoms = torch.zeros(self.nlocal, dtype=torch.float64)
        self.energy = 0.0
        self.forces = torch.zeros(self.nlocal, 3, dtype=torch.float64)

    def forward_exchange(self, given: torch.Tensor, taken: torch.Tensor, size: int) -> None:
        taken.copy_(given)

    reverse_exchange = forward_exchange

    def update_pair_forces_gpu(self, pairs: torch.Tensor) -> None:
        self.forces.index_add_(0, self.pair_i, pairs.detach().double())
        self.forces.index_add_(0, self.pair_j, -pairs.detach().double())


def _with_mliap(path: Path, model: MaceModel, head: str) -> Pair:
    with own_pickles_allowed():  # written by this very process
        program = torch.load(path, map_location="cpu", weights_only=False)
    energies, forces = [], []
    for graph in _graphs(model):
        neighbours = _Neighbours(graph)
        program.compute_forces(neighbours)
        energies.append(neighbours.energy)
        forces.append(neighbours.forces.numpy())
    return np.array(energies), np.concatenate(forces)
