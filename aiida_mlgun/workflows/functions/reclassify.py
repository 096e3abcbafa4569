"""Stored shots judged by another chemistry: a batch by a calcfunction, a campaign by a workfunction around it."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
from aiida import orm
from aiida.engine import calcfunction, workfunction

from ...contract.errors import RefusedError
from ...contract.jobs import ShootJob
from ...contract.shooting import Chemistry
from ...contract.strict import dump, load
from ...data.frames import FramesData
from ...data.shots import ShotsData
from ...science.frames import Frames
from ...science.npz import pack
from ...science.outcomes.chemistry import complete_chemistry
from ...science.outcomes.judging import judge_again
from ...science.outcomes.reclassify import System
from ...science.slabs import analyse_states
from .campaign import summarise
from .versioned import versioned

#: The inputs of the job that flew a batch without which its shots cannot be judged again.
FLIGHT = ("parameters", "slab_states", "molecule_states")


@versioned
@calcfunction
def reclassify(
    shots: ShotsData,
    chemistry: orm.Dict,
    parameters: orm.Dict,
    slab_states: FramesData,
    molecule_states: FramesData,
) -> ShotsData:
    """A batch of shots with the outcomes that another chemistry gives them; no new dynamics.

    See :func:`aiida_mlgun.science.outcomes.judging.judge_again` for what each shot is judged by and which columns
    change.  The new column ``judged_from`` names it.

    :param chemistry: fields of :class:`~aiida_mlgun.contract.shooting.Chemistry`; those that are left out stay as they
        were when the shots were flown, so that ``{"catalogue": [...]}`` is enough.
    :param parameters, slab_states, molecule_states: inputs of the job that flew the shots.
    :raises RefusedError: when the chemistry does not fit, the start states are of other atoms, or nothing was kept by
        which some shots could be judged; these are named.
    """
    job = load(ShootJob, parameters.get_dict(), "parameters")
    old, given = dump(job.chemistry), chemistry.get_dict()
    kept_source = {} if "catalogue" not in given else {"source": ""}
    new = load(Chemistry, {**old, **kept_source, **given}, "chemistry")
    arrays = shots.arrays()
    systems = _systems(slab_states.frames(), molecule_states.frames(), arrays)
    kept = shots.trajectories()
    judged = judge_again(arrays, kept, systems, job.chemistry, new, job.decision)
    return ShotsData(judged, pack(kept) if kept else None)


@workfunction
def reclassify_campaign(
    chemistry: orm.Dict,
    parameters: orm.Dict,
    slab: orm.StructureData,
    molecule: orm.StructureData,
    **batches: Any,
) -> dict[str, Any]:
    """All ``batches`` by :func:`reclassify`, and a summary of them together, as a campaign has.

    :param chemistry: in full.
    :param parameters: of the campaign, with this chemistry in it, for the summary and the report.
    :param slab, molecule: those of the campaign; ``model`` may be among ``batches``: its model.
    """
    tables = {name: node for name, node in batches.items() if isinstance(node, ShotsData)}
    judged = {name: reclassify(node, chemistry, **flight_of(node)) for name, node in sorted(tables.items())}
    outputs: dict[str, Any] = {f"shots.{name}": node for name, node in judged.items()}
    return outputs | {"summary": summarise(parameters, **judged)}


def judge_batch(shots: ShotsData, chemistry: str | Path | Mapping[str, Any]) -> ShotsData:
    """One batch judged by another chemistry, from the state in which the dynamics left it.

    :param chemistry: a shipped name, the path of a file, or fields as the overrides of a campaign take them.
    :raises RefusedError: as :func:`reclassify`, or when the job that flew the shots is not in the profile.
    """
    flown = flown_batch(shots)
    inputs = flight_of(flown)
    return reclassify(flown, orm.Dict(_complete(chemistry, inputs)), **inputs)


def judge_campaign(process: orm.ProcessNode, chemistry: str | Path | Mapping[str, Any]) -> orm.ProcessNode:
    """All shots of a campaign judged by another chemistry; the process has ``shots`` and ``summary`` as a campaign has.

    ``aiida-mlgun report`` takes its PK.

    :param process: a gun workflow, or an earlier judgement of one.
    :param chemistry: as :func:`judge_batch` takes it.
    :raises RefusedError: as :func:`judge_batch`, or when the process has no shots.
    """
    tables = process.outputs.shots if "shots" in process.outputs else {}
    needed = ("parameters", "slab", "molecule")
    if not isinstance(tables, Mapping) or not tables or any(name not in process.inputs for name in needed):
        raise RefusedError(f"<{process.pk}> is no campaign with shots; give the PK of one, or of a batch of shots.")
    batches = {name: flown_batch(node) for name, node in tables.items()}
    full = _complete(chemistry, flight_of(next(iter(batches.values()))))
    parameters = {**process.inputs.parameters.get_dict(), "chemistry": full}
    given = {name: process.inputs[name] for name in ("slab", "molecule", "model") if name in process.inputs}
    _, node = reclassify_campaign.run_get_node(
        chemistry=orm.Dict(full), parameters=orm.Dict(parameters), **given, **batches
    )
    judged: orm.ProcessNode = node
    return judged


def flown_batch(shots: ShotsData) -> ShotsData:
    """The table that the dynamics made, of which ``shots`` is a judgement; ``shots`` itself if it is none."""
    creator = shots.creator
    while isinstance(creator, orm.CalcFunctionNode) and "shots" in creator.inputs:
        shots = creator.inputs.shots
        creator = shots.creator
    return shots


def flight_of(shots: ShotsData) -> dict[str, Any]:
    """What the job that flew the shots took: parameters and start states.

    :raises RefusedError: when that job is not in the profile.
    """
    creator = flown_batch(shots).creator
    if creator is None or any(name not in creator.inputs for name in FLIGHT):
        raise RefusedError(
            f"the job that flew the shots <{shots.pk}> is not in this profile, so their start states are unknown. "
            "Import them with it, or call mlgun.reclassify with parameters, slab_states and molecule_states."
        )
    return {name: creator.inputs[name] for name in FLIGHT}


def _complete(chemistry: str | Path | Mapping[str, Any], flight: Mapping[str, Any]) -> dict[str, Any]:
    """Written out in full for the molecule that was flown."""
    molecule = flight["molecule_states"].frames().atoms(0)
    full: dict[str, Any] = dump(complete_chemistry(chemistry, molecule.numbers, molecule.positions))
    return full


def _systems(slab_states: Frames, molecule_states: Frames, arrays: Mapping[str, Any]) -> dict[int, System]:
    """Molecule's start state → what its shots share, as the job found it.

    :raises RefusedError: when the start states are not those of the shots.
    """
    numbers = np.concatenate([states.numbers[states.part(0)] for states in (slab_states, molecule_states)])
    wanted = sorted(set(arrays["molecule_state"].tolist()))
    if not np.array_equal(numbers, arrays["numbers"]) or (wanted and wanted[-1] >= len(molecule_states)):
        raise RefusedError("the start states are not those that the shots were flown from: their atoms differ.")
    slab = analyse_states(slab_states)
    shared = (slab, numbers, arrays["cell"], arrays["pbc"])
    return {k: System(*shared, molecule_states.positions[molecule_states.part(k)]) for k in wanted}
