"""Workflows refuse in a sentence what would only fail later."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from aiida import orm
from aiida.engine.utils import instantiate_process
from aiida.manage import get_manager
from aiida.plugins import WorkflowFactory
from ase import Atoms

from aiida_mlgun.data.frames import FramesData
from aiida_mlgun.data.model import ModelData
from tests.nodes import acetylene, chemistry, labelled, model_contents, slab_atoms, states

COPPER = Atoms("Cu2", [(0, 0, 0), (2.5, 0, 0)], cell=[9, 9, 9], pbc=True)
Refusal = Callable[..., str]


@pytest.fixture
def refusal(aiida_code_installed: Callable[..., orm.InstalledCode]) -> Refusal:
    code = aiida_code_installed(filepath_executable="bash")

    def get(name: str, **inputs: Any) -> str:
        with pytest.raises(ValueError) as caught:
            instantiate_process(get_manager().get_runner(), WorkflowFactory(f"mlgun.{name}"), code=code, **inputs)
        return str(caught.value)

    return get


def frames(atoms: Atoms | None = None, level: str = "PBE") -> FramesData:
    return FramesData(labelled(atoms or acetylene(), level=level))


def stage(**changes: Any) -> dict[str, Any]:
    return {"train": frames(), "validation": frames(), "parameters": orm.Dict({}), **changes}


def test_curate_needs_a_set_with_forces(refusal: Refusal) -> None:
    assert "give raw frames or a raw path on the compute machine, one of the two" in refusal("curate", frames={})
    sentence = refusal("curate", frames={"bare": FramesData(states(acetylene()))})
    assert "the set 'bare' has no energy and no forces; label it, or name the key when importing." in sentence


def test_curate_does_not_mix_levels_of_theory(
    refusal: Refusal, aiida_code_installed: Callable[..., orm.InstalledCode]
) -> None:
    sets = {"a": frames(), "b": frames(level="GFN1-xTB")}
    assert "the sets are of different levels of theory (GFN1-xTB; PBE)" in refusal("curate", frames=sets)
    inputs = {"frames": sets, "code": aiida_code_installed(filepath_executable="bash")}
    chain = WorkflowFactory("mlgun.curate")
    allowed = instantiate_process(
        get_manager().get_runner(), chain, parameters=orm.Dict({"allow_mixed_levels": True}), **inputs
    )
    assert len(allowed.inputs.frames) == 2


def test_curate_sources_and_selection(
    refusal: Refusal, aiida_localhost: orm.Computer, aiida_computer_local: Callable[..., orm.Computer]
) -> None:
    raw = orm.RemoteData(remote_path="/data/raw.extxyz", computer=aiida_localhost)
    assert "one of the two" in refusal("curate", frames={"a": frames()}, raw=raw)
    assert "raw_files goes with raw" in refusal("curate", frames={"a": frames()}, raw_files=orm.List(["x"]))
    names = orm.List(["../secret"])
    assert "the raw file '../secret' must be a path within" in refusal("curate", raw=raw, raw_files=names)
    other = orm.RemoteData(remote_path="/data", computer=aiida_computer_local(label="another-cluster"))
    assert "the raw files lie on another-cluster, the code runs on" in refusal("curate", raw=other)
    choose = orm.Dict({"select": "farthest", "n_select": 3})
    assert "needs a model to describe" in refusal("curate", frames={"a": frames()}, describe=choose)
    chosen = {"frames": {"a": frames()}, "describe": choose, "model": ModelData(model_contents())}
    subsets = orm.Dict({"subsets": [2, 4]})
    assert "ask for one of the two" in refusal("curate", **chosen, parameters=subsets)
    copper = {"a": frames(COPPER)}
    assert "holds Cu, which the model" in refusal("curate", frames=copper, model=ModelData(model_contents()))
    silent = {"a": frames(), "b": FramesData(labelled(acetylene(), level=""))}
    assert "does not say its level of theory beside 'PBE'" in refusal("curate", frames=silent)


@pytest.mark.parametrize(
    ("changes", "sentence"),
    [
        ({"train": None}, "the stage 'stage_1' needs `train` (FramesData)"),
        ({"parameters": None}, "the stage 'stage_1' needs `parameters` (Dict)"),
        ({"tset": orm.Dict}, "the stage 'stage_1' has the unknown input 'tset'"),
        ({"test": orm.Dict}, "the stage 'stage_1' takes as `test` a FramesData"),
        ({"replay": orm.Dict}, "the stage 'stage_1' takes as `replay` a FramesData"),
        ({"replay": "frames"}, "frames to replay of stage_1 are given, and the method is 'naive', not 'replay'"),
        ({"parameters": {"stage": {"method": "replay"}}}, "the method of stage_1 is 'replay': give the frames"),
        ({}, "the train set of stage_1 has H, C and no energy of the isolated atom (e0s: isolated)"),
        ({"parameters": {"stage": {"lr": 7}}}, "stage_1: stage.lr must lie in (0, 1)"),
        ({"parameters": {"architecture": {}}}, "takes an architecture; see 'stage_1'"),
        ({"validation": "bare"}, "the validation set of stage_1 has no energy and no forces"),
        ({"train": "copper"}, "the train set of stage_1 holds Cu, which the model"),
    ],
)
def test_finetune_stages(changes: dict[str, Any], sentence: str, refusal: Refusal) -> None:
    special = {"frames": frames, "bare": lambda: FramesData(states(acetylene())), "copper": lambda: frames(COPPER)}
    entry = stage()
    for name, value in changes.items():
        if value is None:
            del entry[name]
        elif value is orm.Dict or isinstance(value, dict):
            entry[name] = orm.Dict(value if isinstance(value, dict) else {})
        else:
            entry[name] = special[value]()
    assert sentence in refusal("finetune", model=ModelData(model_contents()), stages={"stage_1": entry})


def test_finetune_needs_a_stage_and_a_start(refusal: Refusal) -> None:
    assert "give at least one stage" in refusal("finetune", model=ModelData(model_contents()))
    scored = {"model": ModelData(model_contents()), "evaluate": orm.Dict({"stratum": "run"})}
    assert "leave it out" in refusal("finetune", stages={"a": stage()}, **scored)
    assert "only the first stage, and only without a model" in refusal("finetune", stages={"a": stage()})
    e0s = {"e0s": "given", "e0_values": {"H": -13.6, "C": -1030.0}}
    scratch = {"parameters": orm.Dict({"architecture": {}, "stage": e0s})}
    sentence = refusal("finetune", stages={"a": stage(**scratch), "b": stage(parameters=scratch["parameters"])})
    assert "see 'b'" in sentence


FROM_PARENT = {"stage": {"e0s": "parent"}}


def test_finetune_names_and_limits(refusal: Refusal) -> None:
    def sentence(*names: str, called: str | None = None, **inputs: Any) -> str:
        parameters = FROM_PARENT | ({"name": called} if called else {})
        stages = {name: stage(parameters=orm.Dict(parameters)) for name in names}
        return refusal("finetune", model=ModelData(model_contents()), stages=stages, **inputs)

    assert "'foundation' is the model at the start; give the stage another name." in sentence("foundation")
    assert "the models of 'a' and 'b' are both called 'x'." in sentence("a", "b", called="x")
    for limits, words in (
        ({"memory": 3}, "limits has the unknown key 'memory'. Known: forgetting."),
        ({"forgetting": 3}, "limits.forgetting maps an error's name to the ratio allowed."),
        ({"forgetting": {"rmse": 2}}, "unknown error 'rmse'. Known: mae_energy,"),
        ({"forgetting": {"rmse_forces": 0}}, "limits.forgetting.rmse_forces is a ratio above 0, not 0."),
        ({"forgetting": {"rmse_forces": True}}, "is a ratio above 0, not True."),
        ({"forgetting": {"rmse_forces": 2}}, "needs a stage with a test set before the last stage."),
    ):
        assert words in sentence("a", "b", limits=orm.Dict(limits))


def test_finetune_elements_from_stage_to_stage(refusal: Refusal) -> None:
    e0s = {"e0s": "given", "e0_values": {"H": -13.6, "C": -1030.0, "Cu": -5000.0}}
    scratch = stage(parameters=orm.Dict({"architecture": {}, "stage": e0s}))
    copper = stage(train=frames(COPPER), parameters=orm.Dict(FROM_PARENT))
    sentence = refusal("finetune", stages={"a": scratch, "b": copper})
    assert "the train set of b holds Cu, and the model will know only H, C." in sentence
    narrow = stage(parameters=orm.Dict({"stage": {"e0s": "parent", "elements": "training"}}))
    silicon = stage(train=frames(slab_atoms()), parameters=orm.Dict(FROM_PARENT))
    sentence = refusal("finetune", model=ModelData(model_contents()), stages={"a": narrow, "b": silicon})
    assert "the train set of b holds Si, and" in sentence
    head = stage(parameters=orm.Dict({"stage": {"e0s": "parent", "parent_head": "pt"}}))
    assert "has no head 'pt', which the stage of a starts from" in refusal(
        "finetune", model=ModelData(model_contents()), stages={"a": head}
    )


def gun(**changes: Any) -> dict[str, Any]:
    parameters = {"n_shots": 1, "chemistry": chemistry(), "aim": {"height": 9.0}, "min_image_gap": 3.0}
    parameters |= changes.pop("parameters", {})
    slab, molecule = orm.StructureData(ase=slab_atoms()), orm.StructureData(ase=acetylene())
    return {
        "model": ModelData(model_contents()),
        "slab": slab,
        "molecule": molecule,
        "parameters": orm.Dict(parameters),
        **changes,
    }


@pytest.mark.parametrize(
    ("parameters", "sentence"),
    [
        ({"aim": {"height": 1.0}, "decision": {"early": False}}, "it would start inside the slab. Start it higher."),
        ({"min_image_gap": None}, "the cell is too narrow"),
        ({"fixed_layers": 40}, "fixed_layers is 40, and the slab has"),
        ({"chemistry": {**chemistry(), "groups": [{"name": "X", "atoms": [9]}]}}, "the group 'X' names atom [9]"),
        ({"n_shot": 3}, "gun: unknown key 'n_shot'"),
        ({"n_shots": 0}, "n_shots must be at least 1, not 0."),
        (
            {"min_vacuum": 40.0},
            "the vacuum is too small: the molecule starts 24.6 Å below the slab's next periodic image",
        ),
        ({"dynamics": {"timestep_fs": 2.0}}, "dynamics.timestep_fs is 2 fs, too long for H"),
        ({"equilibrate": {"timestep_fs": 2.0}}, "equilibrate.timestep_fs is 2 fs, too long for H"),
        ({"dynamics": {"evaluator": "lammps"}}, "gun.dynamics.evaluator: 'lammps' is not one of auto, torch"),
        ({"velocity": {"recipe": "beam", "kinetic_energy": -1.0}}, "velocity.kinetic_energy (eV) must be positive"),
        ({"velocity": {"temperature": 0.0}}, "velocity.temperature must be positive, not 0.0 K."),
        ({"decision": {"max_drift": 1e-3}}, "float32 forces cannot hold less than 0.02. Take precision float64"),
    ],
)
def test_gun_parameters(parameters: dict[str, Any], sentence: str, refusal: Refusal) -> None:
    assert sentence in refusal("gun", **gun(parameters=parameters))


def test_gun_structures_and_states(refusal: Refusal) -> None:
    copper = orm.StructureData(ase=COPPER)
    assert "the slab holds Cu, which the model" in refusal("gun", **gun(slab=copper))
    flat = FramesData(states(slab_atoms(), 2, False))
    assert "slab_states have no velocities (Å/fs)." in refusal("gun", **gun(slab_states=flat))
    foreign = FramesData(states(COPPER))
    assert "molecule_states holds Cu, which the model" in refusal("gun", **gun(molecule_states=foreign))
