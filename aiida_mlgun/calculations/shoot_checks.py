"""What a batch of shots is refused for before it is submitted: its first starts are placed and looked at here."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any, Final

import numpy as np

from ..contract.jobs import ShootJob
from ..contract.resuming import fingerprint
from ..contract.strict import load, require
from ..science.outcomes import ShotTracker
from ..science.slabs import analyse_states, fixed_mask
from ..science.starts import check_states, place_all

#: Shots that are placed here, at some 4 ms each; the compute machine places and checks all of them before the first
#: step.
PLACED: Final = 32


def check_shots(inputs: Mapping[str, Any]) -> None:
    """Refuse inputs of ``mlgun.shoot`` that cannot give shots.

    :param inputs: with ``model``, ``slab_states``, ``molecule_states`` and ``parameters``; a namespace ``committee`` of
        further models may be among them.
    :raises RefusedError: as the job itself would on the compute machine (:mod:`aiida_mlgun.science.starts`).
    """
    committee = inputs.get("committee") or {}
    job = load(ShootJob, inputs["parameters"].get_dict() | {"committee": len(committee)}, "shoot")
    of = inputs["checkpoint"].base.attributes.get("job", None) if "checkpoint" in inputs else None
    require(
        of in (None, fingerprint(job)),
        "the checkpoint is of a job with other parameters. Give that job's parameters, or start without it.",
    )
    slab_states, molecule_states = inputs["slab_states"].frames(), inputs["molecule_states"].frames()
    check_states(slab_states, "slab_states")
    check_states(molecule_states, "molecule_states")
    slab = analyse_states(slab_states)
    fixed_mask(slab, job.fixed_layers)
    models = [inputs["model"], *committee.values()]
    r_max = max(model.r_max for model in models)
    job, shots = place_all(replace(job, n_shots=min(job.n_shots, PLACED)), slab_states, molecule_states, slab, r_max)
    numbers = np.concatenate([states.numbers[states.part(0)] for states in (slab_states, molecule_states)])
    cell, pbc = slab_states.cell[0], slab_states.pbc[0]
    ShotTracker(slab, numbers, len(slab.layer), cell, pbc, job.chemistry, job.decision, shots[0].positions, r_max)
