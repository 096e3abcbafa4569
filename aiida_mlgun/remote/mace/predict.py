"""Energies and forces of labelled-frame columns, and an ASE calculator, from a rebuilt model."""

from __future__ import annotations

from typing import Any

import numpy as np
import torch
from mace import data
from mace.calculators import MACECalculator
from mace.tools import AtomicNumberTable, torch_geometric

from ...contract.errors import RefusedError
from ...science.frames import Floats, Frames
from .rebuild import MaceModel


def species(model: MaceModel) -> list[int]:
    """The atomic numbers the model knows, in its own order."""
    return [int(z) for z in model.atomic_numbers]


def check_elements(model: MaceModel, frames: Frames) -> None:
    """Refuse frames with an element the model lacks (status ``element_not_covered``)."""
    unknown = sorted(set(np.unique(frames.numbers).tolist()) - set(species(model)))
    if unknown:
        from ase.data import chemical_symbols

        names = ", ".join(chemical_symbols[z] for z in unknown)
        known = ", ".join(chemical_symbols[z] for z in species(model))
        raise RefusedError(f"{names} stands in the frames; the model knows {known}.", status="element_not_covered")


def predict(
    model: MaceModel, frames: Frames, batch_size: int, device: str, head: str | None = None
) -> tuple[Floats, Floats]:
    """Energies (n,) in eV and forces (m, 3) in eV/Å of ``frames``, in the model's own precision.

    :param head: of the model; None takes the last one.
    """
    check_elements(model, frames)
    dtype = next(model.parameters()).dtype
    before = torch.get_default_dtype()
    torch.set_default_dtype(dtype)
    try:
        energies, forces = np.empty(len(frames)), np.empty((len(frames.numbers), 3))
        for start in range(0, len(frames), batch_size):
            index = range(start, min(start + batch_size, len(frames)))
            batch = batched(model, frames, index, head).to(device)
            out = model(batch.to_dict(), training=False, compute_force=True)
            energies[index.start : index.stop] = out["energy"].detach().cpu().double().numpy()
            atoms = slice(int(frames.offsets[index.start]), int(frames.offsets[index.stop]))
            forces[atoms] = out["forces"].detach().cpu().double().numpy()
    finally:
        torch.set_default_dtype(before)
    return energies, forces


def batched(model: MaceModel, frames: Frames, index: range, head: str | None = None) -> Any:
    """The frames ``index`` as one batch of graphs of MACE's, for ``head`` (None: the last), in torch's default type."""
    head = model.heads[-1] if head is None else head
    assert head in model.heads, f"no head {head!r}"
    table, cutoff = AtomicNumberTable(species(model)), float(model.r_max)
    graphs = [
        data.AtomicData.from_config(
            data.config_from_atoms(frames.atoms(i), head_name=head), z_table=table, cutoff=cutoff, heads=model.heads
        )
        for i in index
    ]
    return torch_geometric.Batch.from_data_list(graphs)


def calculator(model: MaceModel, device: str) -> Any:
    """An ASE calculator (eV, eV/Å) around a rebuilt model."""
    dtype = str(next(model.parameters()).dtype).removeprefix("torch.")
    return MACECalculator(models=[model], device=device, default_dtype=dtype, head=model.heads[-1])
