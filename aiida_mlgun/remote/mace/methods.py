"""How each method of a stage is said to MACE, every option by name.

* ``naive``, ``frozen``, ``lora``: one head.  Readouts are kept or started anew by ``foundation_filter_elements``, the
  only switch that acts (``foundation_model_readout`` is parsed and never read).
* ``replay``: two named heads through ``--heads``, not through ``--multiheads_finetuning``, which would also replace the
  loss by ``universal``, the learning rate and the averaging (unless ``force_mh_ft_lr``), and repeat the training
  frames when they are few.  With ``loss: universal`` the two ways give the same model to the last bit; with
  ``weighted`` only this one exists.  The replay head has the parent's reference energies; of the produced model the
  training set's head is stored (see :mod:`.heads`).
* MACE's ``weight_pt_head`` acts on its own download of replay data alone, so the weight of replay frames is written
  into each of them (``config_energy_weight``, ``config_forces_weight``).
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

from ...contract.training import Stage

HEAD = "Default"  # MACE's own name for the head of a model that has one
REPLAY_HEAD = "pt_head"  # MACE puts the head of this name first, and judges epochs by the last
TRAIN, VALIDATION = "train.xyz", "validation.xyz"
REPLAY, REPLAY_VALIDATION = "replay.xyz", "replay_validation.xyz"
FREEZE = {None: 0, "embedding": 1, "interactions": 5, "products": 6}


def heads(stage: Stage) -> list[str]:
    """The heads of the model that MACE makes, in its order."""
    return [REPLAY_HEAD, HEAD] if stage.method == "replay" else [HEAD]


def options(
    stage: Stage, work: Path, e0s: dict[int, float], replay_e0s: dict[int, float] | None, neighbours: float | None
) -> dict[str, Any]:
    """The options of ``mace_run_train`` that say the method.

    :param replay_e0s: atomic number → eV of the parent, for ``replay``.
    :param neighbours: the parent's average number of neighbours, for ``replay``: MACE would count it again and shuffle
        the frames once more for that.
    """
    told: dict[str, Any] = {
        "multiheads_finetuning": False,
        "freeze": FREEZE[stage.freeze],
        "lora": stage.method == "lora",
        "lora_rank": stage.lora_rank,
        "lora_alpha": stage.lora_alpha,
    }
    if stage.method == "replay":
        own: dict[str, Any] = {"train_file": str(work / TRAIN), "valid_file": str(work / VALIDATION), "E0s": repr(e0s)}
        old: dict[str, Any] = {"train_file": str(work / REPLAY), "valid_file": str(work / REPLAY_VALIDATION)}
        old |= {"E0s": repr(replay_e0s), "compute_avg_num_neighbors": False, "avg_num_neighbors": neighbours}
        told["heads"] = repr({HEAD: own, REPLAY_HEAD: old})
    return told
