"""Descriptors of frames: the node features of all interaction layers, reduced to one row per frame."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import torch
from e3nn import o3
from mace import data
from mace.tools import AtomicNumberTable, torch_geometric
from numpy.typing import NDArray

from ...science.frames import Frames
from .predict import check_elements, species
from .rebuild import MaceModel

Single = NDArray[np.float32]


def reduced(features: torch.Tensor, model: MaceModel, kind: str) -> torch.Tensor:
    """(m, d) from the node features (m, D) of a model, layer after layer, each in the order of its irreps.

    ``raw`` keeps all D; ``invariant`` the scalars, as ``MACECalculator.get_descriptors`` does with
    ``invariants_only``; ``norms`` the scalars and the length of each equivariant feature (per channel, over its 2l+1
    components), which no rotation changes.  Pseudoscalars (0o) change sign under reflection: ``norms`` takes their
    absolute value, ``invariant`` leaves them out.
    """
    if kind == "raw":
        return features
    parts, start = [], 0
    for product in model.products:
        for multiplicity, irrep in o3.Irreps(str(product.linear.irreps_out)):
            block = features[:, start : start + multiplicity * irrep.dim]
            start += multiplicity * irrep.dim
            if irrep == o3.Irrep("0e"):
                parts.append(block)
            elif kind == "norms":
                parts.append(torch.linalg.vector_norm(block.reshape(len(block), multiplicity, irrep.dim), dim=2))
    return torch.cat(parts, dim=1)


def descriptors(
    model: MaceModel,
    frames: Frames,
    kind: str,
    batch_size: int,
    device: str,
    report: Callable[[int], None] = lambda done: None,
) -> tuple[Single, int]:
    """(n, d), the mean over each frame's atoms of its reduced node features, and the batch size that worked.

    The mean does not grow with the cell: a supercell has the row of its cell; a molecule on a large slab moves it
    less than on a small one.  A batch for which the device's memory is too small is halved, down to one frame.

    :param kind: ``norms``, ``invariant`` or ``raw``.
    :param report: called with the number of frames done, after each batch.
    :raises RefusedError: ``element_not_covered``.
    """
    check_elements(model, frames)
    before = torch.get_default_dtype()
    torch.set_default_dtype(next(model.parameters()).dtype)
    rows: list[Single] = []
    start = 0
    try:
        while start < len(frames):
            stop = min(start + batch_size, len(frames))
            try:
                rows.append(_batch(model, frames, range(start, stop), kind, device))
            except torch.OutOfMemoryError:
                if batch_size == 1:
                    raise
                batch_size = max(1, min(batch_size, stop - start) // 2)
                continue
            start = stop
            report(start)
    finally:
        torch.set_default_dtype(before)
    return np.concatenate(rows) if rows else np.empty((0, 0), dtype=np.float32), batch_size


def _batch(model: MaceModel, frames: Frames, index: range, kind: str, device: str) -> Single:
    table = AtomicNumberTable(species(model))
    cutoff = float(model.r_max)
    graphs = [
        data.AtomicData.from_config(
            data.config_from_atoms(frames.atoms(i)), z_table=table, cutoff=cutoff, heads=model.heads
        )
        for i in index
    ]
    batch: Any = torch_geometric.Batch.from_data_list(graphs).to(device)
    with torch.no_grad():
        out = model(batch.to_dict(), training=False, compute_force=False)
        features = reduced(out["node_feats"], model, kind).cpu().double().numpy()
    starts = frames.offsets[index.start : index.stop] - frames.offsets[index.start]
    mean: Single = (np.add.reduceat(features, starts) / frames.n_atoms[index.start : index.stop, None]).astype(
        np.float32
    )
    return mean
