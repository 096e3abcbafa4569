"""``mace_run_train`` for one stage: its options, and its results read back.

What MACE does silently is stated here instead: every option that acts on the model is given, so that a default of MACE
is never what decides (a test goes through MACE's parser and fails at an option that is neither stated nor known to be
without effect here).
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from ...contract.training import Architecture, Stage
from . import methods

_COLUMNS = {"loss": "loss", "rmse_e_per_atom": "rmse_energy", "rmse_f": "rmse_forces", "mae_f": "mae_forces"}
_PARTS = ("embedding", "interactions", "products", "readouts")
NAME = "stage"
PLAIN: dict[str, Any] = {
    # the model's kind
    "model": "ScaleShiftMACE",
    "radial_type": "bessel",
    "num_cutoff_basis": 5,
    "distance_transform": "None",
    "apply_cutoff": True,
    "interaction": "RealAgnosticResidualInteractionBlock",
    "interaction_first": "RealAgnosticResidualInteractionBlock",
    "gate": "silu",
    "use_reduced_cg": False,
    "use_so3": False,
    "use_agnostic_product": False,
    "use_last_readout_only": False,
    "use_embedding_readout": False,
    "use_edge_irreps_first": False,
    "scaling": "rms_forces_scaling",
    "compute_avg_num_neighbors": True,
    # labels
    "energy_key": "REF_energy",
    "forces_key": "REF_forces",
    "stress_key": "REF_stress",
    "virials_key": "REF_virials",
    "head_key": "head",
    "config_type_weights": '{"Default": 1.0}',
    "keep_isolated_atoms": False,
    "compute_forces": True,
    "compute_stress": False,
    "stress_weight": 0.0,
    "virials_weight": 0.0,
    # fine-tuning
    "pseudolabel_replay": False,
    "force_mh_ft_lr": True,
    "real_pt_data_ratio_threshold": 0.0,
    "weight_pt_head": 1.0,
    "foundation_model_kwargs": "{}",
    # the optimiser
    "optimizer": "adam",
    "beta": 0.9,
    "amsgrad": None,
    "lr_params_factors": json.dumps(dict.fromkeys((f"{part}_lr_factor" for part in _PARTS), 1.0)),
    # the run
    "error_table": "PerAtomRMSE",
    "skip_evaluate_heads": "",
    "plot": False,
    "plot_frequency": 0,
    "num_workers": 0,
    "enable_cueq": False,
    "only_cueq": False,
    "enable_oeq": False,
    "log_level": "INFO",
}


def arguments(
    work: Path,
    stage: Stage,
    e0s: dict[int, float],
    device: str,
    architecture: Architecture | None,
    parent: Path | None,
    *,
    batch_size: int | None = None,
    replay_e0s: dict[int, float] | None = None,
    neighbours: float | None = None,
) -> list[str]:
    """The command line; ``work`` holds the frames as :mod:`.methods` names them.

    :param e0s: atomic number → eV.
    :param parent: the parent as a file of MACE's, one head; None trains ``architecture`` from scratch.
    :param batch_size: other than the stage's, where the device's memory forced it.
    :param replay_e0s: the parent's, for the replay head.
    :param neighbours: the parent's average number of neighbours, for ``replay``.
    """
    size = stage.batch_size if batch_size is None else batch_size
    told: dict[str, Any] = PLAIN | {
        "name": NAME,
        "seed": stage.seed,
        "work_dir": work,
        "train_file": work / methods.TRAIN,
        "valid_file": work / methods.VALIDATION,
        "E0s": repr(e0s),
        "loss": stage.loss,
        "huber_delta": stage.huber_delta,
        "energy_weight": stage.energy_weight,
        "forces_weight": stage.forces_weight,
        "lr": stage.lr,
        "batch_size": size,
        "valid_batch_size": max(size, 8),
        "max_num_epochs": stage.epochs,
        "patience": stage.epochs + 1,  # acts in distributed runs alone; here it never does
        "eval_interval": stage.eval_interval,
        "weight_decay": stage.weight_decay,
        "clip_grad": stage.clip_grad,
        "scheduler": "ReduceLROnPlateau" if stage.scheduler == "plateau" else "ExponentialLR",
        "lr_scheduler_gamma": stage.scheduler_gamma,
        "lr_factor": stage.plateau_factor,
        "scheduler_patience": stage.plateau_patience,
        "default_dtype": stage.precision,
        "device": device,
        "pin_memory": device == "cuda",
    }
    told |= methods.options(stage, work, e0s, replay_e0s, neighbours)
    if stage.ema_decay is not None:
        told |= {"ema": None, "ema_decay": stage.ema_decay}
    if architecture is not None:
        told |= _shape(architecture)
    else:
        told |= {
            "foundation_model": parent,
            "foundation_model_elements": stage.elements == "parent",
            "foundation_filter_elements": stage.readout == "keep",
        }
    return [f"--{key}" if value is None else f"--{key}={value}" for key, value in told.items()]


def _shape(a: Architecture) -> dict[str, Any]:
    hidden = "+".join(f"{a.channels}x{order}{'e' if order % 2 == 0 else 'o'}" for order in range(a.max_l + 1))
    return {
        "r_max": a.r_max,
        "hidden_irreps": hidden,
        "max_ell": a.max_ell,
        "num_interactions": a.interactions,
        "correlation": a.correlation,
        "num_radial_basis": a.bessel,
        "radial_MLP": list(a.radial_mlp),
        "MLP_irreps": f"{a.readout_mlp}x0e",
    }


def history(results: Path) -> dict[str, list[float | None]]:
    """Columns per epoch from MACE's results file: validation loss, RMSE of energy (eV/atom), of forces (eV/Å), MAE.

    Columns of the replay head are ``replay_…``.  An epoch that stands there twice (a resumed run repeats the epoch it
    starts from) counts as it went the last time.
    """
    epochs: dict[int, dict[str, float | None]] = {}
    for line in results.read_text().splitlines():
        row = json.loads(line)
        if row.get("mode") == "eval" and row.get("epoch") is not None:
            prefix = "replay_" if row.get("head") == methods.REPLAY_HEAD else ""
            found = {prefix + name: row.get(key) for key, name in _COLUMNS.items()}
            epochs.setdefault(int(row["epoch"]), {}).update(found)
    names = [name for name in dict.fromkeys(name for row in epochs.values() for name in row)]
    columns: dict[str, list[float | None]] = {"epoch": [float(epoch) for epoch in sorted(epochs)]}
    for name in names:
        values = [epochs[epoch].get(name) for epoch in sorted(epochs)]
        columns[name] = [None if value is None else float(value) for value in values]
    return columns
