"""A small seeded MACE of hydrogen, carbon and silicon, and small structures."""

from __future__ import annotations

import copy
import functools
import hashlib
from collections.abc import Callable, Iterator
from typing import Any

import numpy as np
import pytest
import torch
from ase import Atoms
from ase.build import bulk, molecule

from aiida_mlgun.remote.mace import symmetrix_model  # it quietens mace's import
from aiida_mlgun.remote.mace.rebuild import MaceModel

R_MAX = 4.0
SPECIES = (1, 6, 14)


@pytest.fixture(scope="session", autouse=True)
def one_thread() -> None:
    """Two tests side by side must not fight for cores, and sums must not depend on the number of threads."""
    torch.set_num_threads(1)


@pytest.fixture(scope="session", autouse=True)
def extracted_once() -> Iterator[None]:
    """A model is put into symmetrix's JSON once per process (3 s each), by its configuration and its weights."""
    extract, known = symmetrix_model._extracted, {}

    def cached(model: MaceModel, numbers: list[int], head: str) -> dict[str, Any]:
        digest = hashlib.sha256(f"{type(model)}|{model}|{numbers}|{head}".encode())
        for name, values in model.state_dict().items():
            digest.update(f"{name}|{values.dtype}|{tuple(values.shape)}|".encode())
            digest.update(values.detach().cpu().contiguous().numpy().tobytes())
        if (key := digest.hexdigest()) not in known:
            known[key] = extract(model, numbers, head)
        return copy.deepcopy(known[key])

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(symmetrix_model, "_extracted", cached)
        yield


@pytest.fixture(scope="session")
def small_mace() -> Callable[..., torch.nn.Module]:
    """``small_mace("float64")``: 8 channels, two layers, r_max 4 Å, with ZBL repulsion; random but always the same.

    Made larger by ``max_ell`` and ``correlation``; both are 3 in MACE's foundation models.
    """
    from e3nn import o3
    from mace import modules

    @functools.cache
    def make(dtype: str, max_ell: int = 2, correlation: int = 2) -> torch.nn.Module:
        state, default = torch.get_rng_state(), torch.get_default_dtype()
        torch.manual_seed(7)
        torch.set_default_dtype(torch.float64)
        try:
            model = modules.ScaleShiftMACE(
                r_max=R_MAX,
                num_bessel=6,
                num_polynomial_cutoff=5,
                max_ell=max_ell,
                interaction_cls=modules.interaction_classes["RealAgnosticResidualInteractionBlock"],
                interaction_cls_first=modules.interaction_classes["RealAgnosticResidualInteractionBlock"],
                num_interactions=2,
                num_elements=len(SPECIES),
                hidden_irreps=o3.Irreps("8x0e + 8x1o"),
                MLP_irreps=o3.Irreps("8x0e"),
                atomic_energies=np.array([-13.6, -1030.0, -7800.0]),
                avg_num_neighbors=8.0,
                atomic_numbers=list(SPECIES),
                correlation=correlation,
                gate=torch.nn.functional.silu,
                pair_repulsion=True,
                radial_MLP=[16, 16],
                atomic_inter_scale=0.3,
                atomic_inter_shift=0.0,
                heads=["Default"],
            )
        finally:
            torch.set_default_dtype(default)
            torch.set_rng_state(state)
        return model.to(getattr(torch, dtype))

    return make


@pytest.fixture(scope="session")
def silicon_and_acetylene() -> Atoms:
    """Eight rattled Si atoms, periodic in x and y only, in a cell shorter than twice the cutoff, and C2H2 above."""
    slab = bulk("Si", cubic=True)
    gas = molecule("C2H2")
    gas.translate([2.7, 2.7, slab.positions[:, 2].max() + 2.8])
    both = slab + gas
    both.rattle(0.08, seed=3)
    both.cell[2, 2] = 25.0
    both.pbc = (True, True, False)
    return both
