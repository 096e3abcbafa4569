"""A campaign in the profile, node by node as the engine would leave it, from raw frames to shots."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from aiida import orm
from aiida.common.links import LinkType
from aiida.engine import ProcessState, calcfunction

from aiida_mlgun.contract.strict import dump, load
from aiida_mlgun.data.frames import FramesData
from aiida_mlgun.data.model import ModelData
from aiida_mlgun.data.shots import ShotsData
from aiida_mlgun.workflows.campaign import GunParameters
from tests.nodes import acetylene, chemistry, labelled, model_contents, shot_arrays, slab_atoms, states

Nodes = dict[str, orm.Data]


@dataclass(frozen=True)
class Stored:
    """The workflow and what one asks for in tests."""

    gun: orm.WorkChainNode
    batches: list[ShotsData]
    model: ModelData
    raw: FramesData


def process(kind: type[Any], label: str, inputs: Nodes, caller: Any = None) -> Any:
    """A stored process with its inputs and its caller."""
    calc = kind in (orm.CalcJobNode, orm.CalcFunctionNode)
    node = kind()
    node.set_process_label(label)
    node.set_process_state(ProcessState.FINISHED)
    node.set_exit_status(0)
    for name, one in inputs.items():
        node.base.links.add_incoming(
            one if one.is_stored else one.store(), LinkType.INPUT_CALC if calc else LinkType.INPUT_WORK, name
        )
    if caller is not None:
        node.base.links.add_incoming(caller, LinkType.CALL_CALC if calc else LinkType.CALL_WORK, label)
    return node.store()


def give(job: Any, **outputs: orm.Data) -> None:
    """Store the outputs of a job."""
    for name, node in outputs.items():
        node.base.links.add_incoming(job, LinkType.CREATE, name)
        node.store()


def hand_out(chain: Any, **outputs: orm.Data) -> None:
    """Let a workflow return stored nodes."""
    for name, node in outputs.items():
        node.base.links.add_incoming(chain, LinkType.RETURN, name)


def trained_model(name: str = "fine", licence: str | None = "CC-BY-4.0") -> tuple[ModelData, FramesData]:
    """A model trained on curated frames of a raw file, and these raw frames."""
    source: dict[str, Any] = {"files": [{"name": f"{name}.extxyz", "sha256": "ab" * 32, "n_frames": 5, "format": "x"}]}
    raw = FramesData(labelled(acetylene(), n=5), source | ({"license": licence} if licence else {}))
    raw.label = f"raw {name}"
    curation = process(orm.CalcJobNode, "CurateCalculation", {"frames": raw})
    train, validation = FramesData(labelled(acetylene(), n=3)), FramesData(labelled(acetylene(), n=1))
    give(curation, train=train, validation=validation)
    parent = ModelData(model_contents(), {"name": "parent", "licence": "MIT", "level": "PBE"})
    parameters = orm.Dict({"stage": {"method": "naive", "epochs": 3, "seed": 4}})
    inputs = {"train": train, "validation": validation, "model": parent, "parameters": parameters}
    job = process(orm.CalcJobNode, "TrainCalculation", inputs)
    lineage = [{"name": "parent", "content_hash": ModelData(model_contents()).content_hash}]
    model = ModelData(model_contents(), {"name": name, "licence": "MIT", "level": "PBE", "lineage": lineage})
    model.base.attributes.set("content_hash", name.ljust(64, "0"))  # training would have changed the weights
    model.label = name
    give(job, model=model)
    for node in (curation, job):
        node.seal()
    return model, raw


def campaign(
    batches: Sequence[dict[str, Any]] = ({"shots": (0, 1, 2)}, {"shots": (3, 4, 5)}),
    model: tuple[ModelData, FramesData] | None = None,
    temperature: float = 300.0,
    seal: bool = True,
) -> Stored:
    """A gun workflow with one job per batch.

    :param batches: arguments of :func:`tests.nodes.shot_arrays`; ``cut_off`` = numbers of the shots that an earlier job
        of the batch had when it was cut off.
    """
    trained, raw = model or trained_model()
    slab, gas = orm.StructureData(ase=slab_atoms()), orm.StructureData(ase=acetylene())
    slab.label = "Si(001)"
    n_shots = sum(len(batch["shots"]) for batch in batches)
    asked = {"n_shots": n_shots, "chemistry": chemistry(), "velocity": {"temperature": temperature}}
    parameters = orm.Dict(dump(load(GunParameters, asked, "gun")))
    gun = process(
        orm.WorkChainNode, "GunWorkChain", {"model": trained, "slab": slab, "molecule": gas, "parameters": parameters}
    )
    held = {"slab_states": FramesData(states(slab_atoms())), "molecule_states": FramesData(states(acetylene()))}
    equilibration = process(
        orm.CalcJobNode, "EquilibrateCalculation", {"model": trained, "slab": slab, "molecule": gas}, gun
    )
    give(equilibration, **held)
    tables, below = [], [equilibration]
    for i, batch in enumerate(batches):
        settings = orm.Dict(parameters.get_dict())
        inputs = {"model": trained, "parameters": settings, **held}
        chain = process(orm.WorkChainNode, "ShootWorkChain", inputs, gun)
        arguments = {name: value for name, value in batch.items() if name != "cut_off"}
        jobs = [{**arguments, "shots": batch["cut_off"]}] if "cut_off" in batch else []
        for one in [*jobs, arguments]:
            job = process(orm.CalcJobNode, "ShootCalculation", inputs, chain)
            table = ShotsData(shot_arrays(**one))
            give(job, shots=table)
            below.append(job)
        hand_out(chain, shots=table)
        hand_out(gun, **{f"shots__batch_{i:04d}": table})
        tables.append(table)
        below.append(chain)
    if seal:
        for node in [*below, gun]:
            node.seal()
    return Stored(gun, tables, trained, raw)


@calcfunction
def reclassify(shots: ShotsData, chemistry: orm.Dict) -> ShotsData:
    """Stand-in for the judgement by another catalogue: every shot is ``other``."""
    arrays = shots.arrays()
    arrays["outcome"] = arrays["outcome"].astype("<U5")
    arrays["outcome"][:] = "other"
    return ShotsData(arrays)
