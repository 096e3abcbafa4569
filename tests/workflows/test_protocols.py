from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import pytest
from aiida import orm
from aiida.engine import ProcessBuilder
from aiida.plugins import WorkflowFactory

from aiida_mlgun.contract.errors import RefusedError
from aiida_mlgun.contract.jobs import CurateJob, TrainJob
from aiida_mlgun.contract.strict import load
from aiida_mlgun.data.frames import FramesData
from aiida_mlgun.data.model import ModelData
from aiida_mlgun.workflows.campaign import GunParameters
from aiida_mlgun.workflows.protocols.mixin import merged
from tests.nodes import acetylene, chemistry, labelled, model_contents, slab_atoms

CHAINS = ("curate", "finetune", "gun")
PROTOCOLS = ("fast", "balanced", "stringent", "paper")
Build = Callable[..., ProcessBuilder]


def chain(name: str) -> Any:
    return WorkflowFactory(f"mlgun.{name}")


def loaded(name: str, inputs: Mapping[str, Any]) -> Any:
    """The inputs of a protocol as what the workflow makes of them."""
    if name == "gun":
        return load(GunParameters, {"chemistry": chemistry(), **inputs}, "gun")
    return load({"curate": CurateJob, "finetune": TrainJob}[name], inputs, name)


@pytest.fixture
def build(aiida_code_installed: Callable[..., orm.InstalledCode]) -> Build:
    """``build("gun", protocol, overrides)`` → a builder with small inputs."""
    code = aiida_code_installed(filepath_executable="bash")

    def make(name: str, protocol: str | None = None, overrides: Mapping[str, Any] | None = None) -> ProcessBuilder:
        frames, model = FramesData(labelled(acetylene())), ModelData(model_contents())
        given: dict[str, tuple[Any, ...]] = {
            "curate": ({"raw": frames},),
            "finetune": ([{"train": frames, "validation": frames}], model),
            "gun": (model, orm.StructureData(ase=slab_atoms()), orm.StructureData(ase=acetylene())),
        }
        return chain(name).get_builder_from_protocol(code, *given[name], protocol=protocol, overrides=overrides)

    return make


@pytest.mark.parametrize("name", CHAINS)
def test_every_chain_has_the_same_described_protocols(name: str) -> None:
    described = chain(name).get_available_protocols()
    assert tuple(described) == PROTOCOLS
    assert all(text.endswith(".") for text in described.values())
    assert chain(name).get_default_protocol() == "balanced"
    assert chain(name).get_protocol_inputs() == chain(name).get_protocol_inputs("balanced")


@pytest.mark.parametrize("protocol", PROTOCOLS)
@pytest.mark.parametrize("name", CHAINS)
def test_every_protocol_is_a_whole_job(name: str, protocol: str) -> None:
    inputs = chain(name).get_protocol_inputs(protocol)
    assert "description" not in inputs
    job = loaded(name, inputs)
    for key, value in inputs.items():
        if isinstance(value, int | float | str):
            assert getattr(job, key) == value


@pytest.mark.parametrize("protocol", PROTOCOLS)
@pytest.mark.parametrize("name", CHAINS)
def test_every_protocol_makes_a_builder(name: str, protocol: str, build: Build) -> None:
    builder = build(name, protocol)
    if name == "finetune":
        parameters = builder.stages["stage_1"]["parameters"].get_dict()
        assert parameters.pop("name") == "stage_1"
    else:
        parameters = builder.parameters.get_dict()
    assert loaded(name, parameters) == loaded(name, {**chain(name).get_protocol_inputs(protocol), **parameters})


def test_the_papers_curation() -> None:
    job = loaded("curate", chain("curate").get_protocol_inputs("paper"))
    assert (job.keep_every, job.validation, job.test, job.seed, job.split) == (25, 0.05, 10000, 24, "random")
    assert job.bond_fission == (("C", "H"),)


def test_the_papers_training() -> None:
    stage = loaded("finetune", chain("finetune").get_protocol_inputs("paper")).stage
    assert (stage.lr, stage.epochs, stage.batch_size, stage.seed) == (0.001, 100, 16, 24)
    assert stage.forces_weight / stage.energy_weight == 100
    assert (stage.readout, stage.method, stage.loss, stage.elements) == (
        "reinitialise",
        "naive",
        "weighted",
        "training",
    )
    assert (stage.scheduler, stage.plateau_factor, stage.plateau_patience) == ("plateau", 0.8, 50)
    assert (stage.ema_decay, stage.precision) == (None, "float64")


@pytest.mark.parametrize(("protocol", "epochs"), [("paper", 1000), ("fast", 6)])
def test_from_scratch_a_protocol_may_differ(protocol: str, epochs: int) -> None:
    inputs = chain("finetune").get_protocol_inputs(protocol, {"architecture": {"channels": 8}, "parent": False})
    job = loaded("finetune", inputs)
    assert (job.stage.epochs, job.stage.e0s, job.architecture.channels) == (epochs, "isolated", 8)
    shorter = {"architecture": {}, "parent": False, "stage": {"epochs": 3}}
    assert chain("finetune").get_protocol_inputs(protocol, shorter)["stage"]["epochs"] == 3


def test_ten_stages_keep_their_order(aiida_code_installed: Callable[..., orm.InstalledCode]) -> None:
    code, frames = aiida_code_installed(filepath_executable="bash"), FramesData(labelled(acetylene()))
    stages = [{"train": frames, "validation": frames, "replay": frames, "name": f"m{i}"} for i in range(10)]
    builder = chain("finetune").get_builder_from_protocol(code, stages)
    names = [builder.stages[label]["parameters"]["name"] for label in sorted(builder.stages)]
    assert names == [f"m{i}" for i in range(10)]
    assert builder.stages["stage_01"]["replay"] is frames


def test_the_papers_gun() -> None:
    gun = loaded("gun", chain("gun").get_protocol_inputs("paper"))
    assert (gun.aim.height, gun.dynamics.timestep_fs, gun.dynamics.max_steps, gun.n_shots) == (20.0, 0.5, 20000, 1000)
    assert (gun.decision.early, gun.velocity.temperature, gun.seed) == (False, 300.0, 24)
    start = gun.equilibrate
    assert start["snapshots"] == 10
    assert start["discard_fs"] + start["snapshots"] * start["interval_fs"] == 40000


@pytest.mark.parametrize("name", CHAINS)
def test_an_unknown_protocol_is_named_with_the_known_ones(name: str, build: Build) -> None:
    with pytest.raises(RefusedError, match=r"unknown protocol 'quick'\. Known: fast, balanced, stringent, paper"):
        build(name, "quick")


@pytest.mark.parametrize(
    ("name", "overrides", "sentence"),
    [
        ("curate", {"keep_evry": 5}, "curate: unknown key 'keep_evry'"),
        ("finetune", {"stage": {"epoch": 5}}, "train.stage: unknown key 'epoch'"),
        ("finetune", {"stages": {}}, "train: unknown key 'stages'"),
        ("gun", {"n_shot": 5}, "gun: unknown key 'n_shot'"),
        ("gun", {"aim": {"heigth": 5}}, "gun.aim: unknown key 'heigth'"),
        ("gun", {"equilibrate": {"steps": 5}}, "equilibrate: unknown key 'steps'"),
        ("gun", {"equilibrate": {"seed": 5}}, "equilibrate.seed is the campaign's own; set it there."),
        ("gun", {"chemistry": {"group": []}}, "gun.chemistry: unknown key 'group'"),
        ("gun", {"chemistry": 5}, "gun.chemistry: a mapping is needed, not 5."),
        ("gun", {"dynamics": 5}, "gun.dynamics: a mapping is needed, not int."),
        ("gun", {"device": "gpu"}, "'gpu' is not one of auto, cpu, cuda"),
    ],
)
def test_an_unknown_override_is_refused_by_its_name(
    name: str, overrides: dict[str, Any], sentence: str, build: Build
) -> None:
    from aiida.engine.utils import instantiate_process
    from aiida.manage import get_manager

    with pytest.raises(ValueError) as caught:
        instantiate_process(get_manager().get_runner(), build(name, None, overrides))
    assert sentence in str(caught.value)


def test_overrides_go_deep(build: Build) -> None:
    parameters = build("gun", "paper", {"dynamics": {"max_steps": 5}, "n_shots": 3}).parameters.get_dict()
    assert (parameters["n_shots"], parameters["dynamics"]["max_steps"]) == (3, 5)
    assert parameters["dynamics"]["timestep_fs"] == 0.5


def test_the_gun_finds_the_groups_unless_they_are_named(build: Build) -> None:
    found = build("gun").parameters["chemistry"]
    assert found["groups"] == [{"name": "C0C1", "atoms": [0, 1], "pattern": ""}]
    assert found["catalogue"] == chemistry()["catalogue"]
    named = build("gun", None, {"chemistry": {"groups": [{"name": "end", "atoms": [0]}]}}).parameters["chemistry"]
    assert named["groups"] == [{"name": "end", "atoms": [0], "pattern": ""}]


def test_stages_differ_where_they_say_so(aiida_code_installed: Callable[..., orm.InstalledCode]) -> None:
    code, frames = aiida_code_installed(filepath_executable="bash"), FramesData(labelled(acetylene()))
    stages = [
        {"train": frames, "validation": frames, "name": "low"},
        {"train": frames, "validation": frames, "test": frames, "overrides": {"stage": {"lr": 0.5}}},
    ]
    overrides = {"stage": {"epochs": 7}}
    builder = chain("finetune").get_builder_from_protocol(code, stages, protocol="fast", overrides=overrides)
    one, two = (builder.stages[name]["parameters"].get_dict() for name in ("stage_1", "stage_2"))
    assert (one["name"], one["stage"]["epochs"], one["stage"]["lr"]) == ("low", 7, 0.01)
    assert (two["name"], two["stage"]["epochs"], two["stage"]["lr"]) == ("stage_2", 7, 0.5)
    with pytest.raises(RefusedError, match="stage 0 has the unknown key 'trian'"):
        chain("finetune").get_builder_from_protocol(code, [{"trian": frames}])
    with pytest.raises(RefusedError, match="at least one stage"):
        chain("finetune").get_builder_from_protocol(code, [])


def test_merging_leaves_both_sides_alone() -> None:
    below, above = {"a": {"x": 1, "y": 2}, "b": 3}, {"a": {"x": 5}, "b": {"z": 1}}
    assert merged(below, above) == {"a": {"x": 5, "y": 2}, "b": {"z": 1}}
    assert (below, above) == ({"a": {"x": 1, "y": 2}, "b": 3}, {"a": {"x": 5}, "b": {"z": 1}})
