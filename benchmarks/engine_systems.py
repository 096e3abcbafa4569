"""Systems and models of the engine's benchmark.  Å, fs, Å/fs."""

from __future__ import annotations

import warnings
from typing import Any

import ase.io
import numpy as np
import torch
from ase import Atoms
from ase.build import molecule
from ase.data import atomic_masses

from aiida_mlgun import assets
from aiida_mlgun.remote.mace import load_model
from aiida_mlgun.science.units import ACCELERATION, BOLTZMANN

#: name → (hidden irreps, layers, r_max, max_ell, correlation); ``medium`` has the size of MACE-MP-0 medium.
SIZES = {
    "tiny": ("16x0e", 1, 5.0, 3, 2),
    "small": ("64x0e + 64x1o", 2, 5.0, 3, 3),
    "medium": ("128x0e + 128x1o", 2, 6.0, 3, 3),
    "medium-89": ("128x0e + 128x1o", 2, 6.0, 3, 3),  # knows as many elements as the foundation model does
}
#: atoms → (repetitions of the shipped 2×2 Si(001) slab, molecule); 202 atoms are a slab as large as the paper's.
SYSTEMS = {28: ((1, 1, 1), "C2H2"), 58: ((2, 1, 1), "2-butyne"), 78: ((3, 1, 1), "C2H4"), 202: ((4, 2, 1), "2-butyne")}
HEIGHT = 3.0  # Å between the molecule's lowest atom and the highest of the slab: in the midst of the encounter


def model(name: str) -> torch.nn.Module:
    """``compact``: the model that ships; else random weights in one of :data:`SIZES`, always the same; float64."""
    if name == "compact":
        return load_model(assets.FOLDER / "models" / "mlgun-compact-1", "cpu", "float64")
    from e3nn import o3
    from mace import modules

    hidden, layers, r_max, max_ell, correlation = SIZES[name]
    default = torch.get_default_dtype()
    torch.set_default_dtype(torch.float64)
    torch.manual_seed(0)
    block = modules.interaction_classes["RealAgnosticResidualInteractionBlock"]
    elements = list(range(1, 90)) if name.endswith("-89") else [1, 6, 14]
    try:
        return modules.ScaleShiftMACE(
            r_max=r_max,
            num_bessel=8,
            num_polynomial_cutoff=5,
            max_ell=max_ell,
            interaction_cls=block,
            interaction_cls_first=block,
            num_interactions=layers,
            num_elements=len(elements),
            hidden_irreps=o3.Irreps(hidden),
            MLP_irreps=o3.Irreps("16x0e"),
            atomic_energies=-np.arange(1.0, len(elements) + 1),
            avg_num_neighbors=30.0,
            atomic_numbers=elements,
            correlation=correlation,
            gate=torch.nn.functional.silu,
            radial_MLP=[64, 64, 64],
            atomic_inter_scale=0.8,
            atomic_inter_shift=0.0,
            heads=["Default"],
        )
    finally:
        torch.set_default_dtype(default)


def system(n_atoms: int) -> Atoms:
    """Slab and molecule, the molecule :data:`HEIGHT` above; velocities of 300 K in ``velocities_A_fs``."""
    repeat, name = SYSTEMS[n_atoms]
    with assets.FOLDER.joinpath("data", "si001_2x2.extxyz").open() as handle:
        slab: Any = ase.io.read(handle, format="extxyz")
    slab = Atoms(slab.numbers, slab.positions, cell=slab.cell, pbc=slab.pbc).repeat(repeat)
    guest = molecule(name)
    middle = slab.cell.array[:2].sum(axis=0) / 2
    guest.positions -= guest.positions.mean(axis=0)
    guest.positions += middle
    guest.positions[:, 2] += slab.positions[:, 2].max() + HEIGHT - guest.positions[:, 2].min()
    both = slab + guest
    assert len(both) == n_atoms
    masses = atomic_masses[both.numbers]
    rng = np.random.default_rng(5)
    thermal = np.sqrt(BOLTZMANN * 300.0 * ACCELERATION / masses)
    both.arrays["velocities_A_fs"] = thermal[:, None] * rng.standard_normal((n_atoms, 3))
    return both


def quiet() -> None:
    """Other packages' remarks at import time are not the benchmark's."""
    warnings.filterwarnings("ignore")
