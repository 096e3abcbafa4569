"""A model as a folder of three plain files: weights (safetensors), configuration (JSON), probe values (JSON).

The probe is a handful of small clusters with the energies and forces the model gave when it was stored; each later
load compares, so a model that no longer means the same is refused by name.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import safetensors
import safetensors.torch
import torch
from ase import Atoms
from ase.data import chemical_symbols, covalent_radii

from ...contract import files
from ...contract.errors import RefusedError, RunFailedError
from ...contract.manifest import write_atomically
from ...science.frames import Frames, from_atoms
from .predict import predict, species
from .rebuild import MaceModel, describe, rebuild

PROBE_TOLERANCE = 1e-7  # relative; float64 against float64, other batch or thread counts change the last digits only
# what JSON, safetensors, MACE and torch raise at a file that is cut off or was made for other versions
_FOREIGN = (AttributeError, KeyError, RuntimeError, TypeError, ValueError, safetensors.SafetensorError)


def save_model(model: MaceModel, folder: Path) -> dict[str, Any]:
    """Write the three files and return the configuration.

    :raises RefusedError: for weights that are not finite, and for models that can't be stored.
    """
    folder.mkdir(parents=True, exist_ok=True)
    config = describe(model)
    weights = {key: value.detach().cpu().contiguous() for key, value in model.state_dict().items()}
    for key, value in weights.items():
        if value.is_floating_point() and not torch.isfinite(value).all():
            raise RefusedError(f"the model's weight {key!r} is not finite.", status="loss_diverged")
    own = {key: value for key, value in weights.items() if value.numel()}
    again = rebuild(config, own, torch.float64)
    write_atomically(folder / files.MODEL_WEIGHTS, safetensors.torch.save({k: v.clone() for k, v in own.items()}))
    _write_json(folder / files.MODEL_CONFIG, config)
    energies, forces = predict(again, probe_frames(species(again)), 4, "cpu")
    _write_json(folder / files.MODEL_PROBE, {"energy": energies.tolist(), "forces": forces.tolist()})
    return config


def load_model(folder: Path, device: str, dtype: str) -> MaceModel:
    """The model in ``folder``, probed in float64, then in ``dtype`` (``float64`` or ``float32``) on ``device``.

    :raises RefusedError: files missing or not fitting together.
    :raises RunFailedError: ``model_not_rebuilt`` when the probe's energies or forces differ.
    """
    try:
        config = json.loads((folder / files.MODEL_CONFIG).read_text())
        probe = json.loads((folder / files.MODEL_PROBE).read_text())
        weights = safetensors.torch.load((folder / files.MODEL_WEIGHTS).read_bytes())
        model = rebuild(config, weights, torch.float64)
        recorded = {name: np.asarray(probe[name], dtype=np.float64) for name in ("energy", "forces")}
    except FileNotFoundError as error:
        raise RefusedError(f"the model folder lacks {Path(str(error.filename)).name}.") from error
    except RefusedError:
        raise
    except _FOREIGN as error:
        first = str(error).partition("\n")[0]
        raise RefusedError(f"the files of the model folder are damaged or foreign ({first}).") from error
    energies, forces = predict(model, probe_frames(species(model)), 4, "cpu")
    for name, new, old in (("energies", energies, recorded["energy"]), ("forces", forces, recorded["forces"])):
        if new.shape != old.shape:
            raise RunFailedError("model_not_rebuilt", f"probe {name} have shape {new.shape}, {old.shape} is recorded.")
        worst = float(np.abs(new - old).max())
        limit = PROBE_TOLERANCE * max(1.0, float(np.abs(old).max()))
        if not worst <= limit:
            raise RunFailedError("model_not_rebuilt", f"probe {name} differ by {worst:.2e}, {limit:.2e} is allowed.")
    return model.to(device=device, dtype=getattr(torch, dtype))


def probe_frames(numbers: list[int]) -> Frames:
    """Clusters of the model's own elements: for each, a bent triatomic with its neighbour in the list."""
    images = []
    for i, z in enumerate(numbers):
        other = numbers[(i + 1) % len(numbers)]
        bond = 1.2 * float(covalent_radii[z] + covalent_radii[other])
        positions = [(0, 0, 0), (bond, 0, 0), (-0.3 * bond, 0.9 * bond, 0.1)]
        images.append(Atoms([z, other, other], positions, cell=[20, 20, 20], pbc=False))
    return from_atoms(images)


def _write_json(path: Path, data: Any) -> None:
    write_atomically(path, (json.dumps(data, indent=1, sort_keys=True, allow_nan=False) + "\n").encode())


def stored_e0s(model: MaceModel, head: str | None = None) -> dict[str, float]:
    """Chemical symbol → reference energy (eV) that the model holds for ``head`` (None: its last one)."""
    rows = model.atomic_energies_fn.atomic_energies.detach().cpu().double().reshape(-1, len(model.atomic_numbers))
    row = rows[-1 if head is None or len(rows) == 1 else model.heads.index(head)]
    return {chemical_symbols[int(z)]: float(v) for z, v in zip(model.atomic_numbers, row, strict=True)}


def set_e0s(model: MaceModel, e0s: dict[str, float]) -> None:
    """Write reference energies (eV) into the model: MACE copies a parent's over those it is told otherwise."""
    held = model.atomic_energies_fn.atomic_energies
    values = held.detach().clone().reshape(-1, len(model.atomic_numbers))
    for i, z in enumerate(model.atomic_numbers):
        values[-1, i] = e0s[chemical_symbols[int(z)]]
    held.copy_(values.reshape(held.shape))
