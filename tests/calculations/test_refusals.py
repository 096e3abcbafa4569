"""Bad input is refused before anything is submitted, in a sentence that says what and where."""

from __future__ import annotations

import io
import json
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from aiida import orm
from ase import Atoms

from aiida_mlgun.contract.files import MODEL_CONFIG
from aiida_mlgun.contract.jobs import VERBS
from aiida_mlgun.data.frames import FramesData
from aiida_mlgun.data.model import ModelData
from aiida_mlgun.science.frames import concatenate
from tests.nodes import acetylene, chemistry, instantiate, labelled, model_contents, slab_atoms, states

COPPER = Atoms("Cu2", [(0, 0, 0), (2.5, 0, 0)], cell=[9, 9, 9], pbc=True)
SHOTS = {"n_shots": 1, "chemistry": chemistry()}


@pytest.fixture
def code(aiida_code_installed: Callable[..., orm.InstalledCode]) -> orm.InstalledCode:
    return aiida_code_installed(filepath_executable="bash")


def refusal(name: str, code: orm.InstalledCode, **inputs: Any) -> str:
    with pytest.raises(ValueError) as caught:
        instantiate(name, code=code, **inputs)
    return str(caught.value)


def frames(atoms: Atoms | None = None, **tags: str) -> FramesData:
    return FramesData(labelled(atoms or acetylene(), **tags))


@pytest.mark.parametrize("verb", VERBS)
def test_unknown_keys_are_named(verb: str, code: orm.InstalledCode) -> None:
    sentence = refusal(f"mlgun.{verb}", code, parameters=orm.Dict({"sede": 3, "sha256": "a" * 64}))
    assert f"{verb}: unknown key 'sede'. Known: " in sentence


@pytest.mark.parametrize(
    ("verb", "parameters", "sentence"),
    [
        ("curate", {"keep_every": 0}, "keep_every must be at least 1, not 0."),
        ("curate", {"split": "by_luck"}, "curate.split: 'by_luck' is not one of random, by_run, by_stratum, tag."),
        ("curate", {"schema": 1}, "curate.schema follows from the other inputs; leave it out of the parameters."),
        ("train", {"parent": True}, "train.parent follows from the other inputs; leave it out of the parameters."),
        ("train", {"has_test": True}, "train.has_test follows from the other inputs"),
        ("train", {"has_replay": True}, "train.has_replay follows from the other inputs"),
        ("train", {"resume": True}, "train.resume follows from the other inputs"),
        ("train", {"stage": {"method": "magic"}}, "'magic' is not one of naive, replay, frozen, lora."),
        ("train", {"stage": {"lr": 3}}, "stage.lr must lie in (0, 1), not 3.0."),
        ("train", {"stage": {"learning_rate": 0.1}}, "train.stage: unknown key 'learning_rate'."),
        ("train", {"architecture": {"r_max": 50}}, "architecture.r_max must lie in [1.5, 12] Å"),
        ("evaluate", {"precision": "float16"}, "is not one of float32, float64"),
        ("equilibrate", {"temperature": -1}, "temperature must be positive, not -1.0 K."),
        ("equilibrate", {"fixed_layers": 0}, "a slab without a fixed layer drifts"),
        ("shoot", {"n_shots": 5}, "shoot: the key 'chemistry' is missing."),
        ("shoot", SHOTS | {"n_shots": "many"}, "shoot.n_shots: int is needed, not 'many'."),
        ("shoot", SHOTS | {"velocity": {"recipe": "beam"}}, "velocity.kinetic_energy (eV) must be positive"),
        ("shoot", SHOTS | {"aim": {"height": 5}}, "aim.height (5.0 Å) must exceed decision.leave_height (8.0 Å)."),
        ("shoot", SHOTS | {"n_shots": 0}, "n_shots must be at least 1, not 0."),
        ("shoot", SHOTS | {"dynamics": {"evaluator": "lammps"}}, "evaluator: 'lammps' is not one of auto, torch"),
        (
            "shoot",
            SHOTS | {"decision": {"max_drift": 1e-3}},
            "decision.max_drift is 0.001 meV/atom/ps, and dynamics.pre",
        ),
        ("shoot", SHOTS | {"velocity": {"recipe": "beam", "kinetic_energy": -2}}, "(eV) must be positive for a beam."),
        ("shoot", SHOTS | {"output": {"keep": 1}}, "shoot.output: unknown key 'keep'. Known: event_window_fs, final_"),
        ("convert", {"sha256": "abc"}, "sha256 must be 64 hexadecimal digits, not 'abc'."),
        ("convert", {}, "convert: the key 'sha256' is missing."),
    ],
)
def test_parameters_out_of_range(verb: str, parameters: dict[str, Any], sentence: str, code: orm.InstalledCode) -> None:
    assert sentence in refusal(f"mlgun.{verb}", code, parameters=orm.Dict(parameters))


@pytest.mark.parametrize("verb", ["train", "evaluate", "equilibrate", "shoot"])
def test_an_element_that_the_model_does_not_know(verb: str, code: orm.InstalledCode) -> None:
    given: dict[str, Any] = {
        "train": {"train": frames(), "validation": frames(COPPER)},
        "evaluate": {"frames": frames(COPPER)},
        "equilibrate": {"slab": orm.StructureData(ase=COPPER), "molecule": orm.StructureData(ase=acetylene())},
        "shoot": {
            "slab_states": FramesData(states(COPPER)),
            "molecule_states": FramesData(states(acetylene())),
            "parameters": orm.Dict(SHOTS),
        },
    }[verb]
    owner = {"train": "the validation set", "evaluate": "the set", "equilibrate": "the slab", "shoot": "slab_states"}
    sentence = refusal(f"mlgun.{verb}", code, model=ModelData(model_contents(), {"name": "m"}), **given)
    assert f"{owner[verb]} holds Cu, which the model 'm' does not know (it knows H, C" in sentence


def test_an_element_that_a_member_of_the_committee_does_not_know(code: orm.InstalledCode) -> None:
    contents = model_contents()
    config = json.loads(contents[MODEL_CONFIG])
    config["atomic_numbers"][4] = 29  # copper for silicon
    contents[MODEL_CONFIG] = json.dumps(config).encode()
    member = ModelData(contents, {"name": "other"})
    sentence = refusal("mlgun.shoot", code, **shoot_inputs(), committee={"a": member})
    assert "slab_states holds Si, which the model 'other' does not know" in sentence


def test_start_states_without_velocities(code: orm.InstalledCode) -> None:
    given = {
        "slab_states": FramesData(states(slab_atoms())),
        "molecule_states": FramesData(states(acetylene(), 2, False)),
    }
    sentence = refusal("mlgun.shoot", code, model=ModelData(model_contents()), parameters=orm.Dict(SHOTS), **given)
    assert "molecule_states have no velocities; equilibrate them, or import frames with velocities (Å/fs)." in sentence


def shoot_inputs(slab: Atoms | None = None, gas: Atoms | None = None, **parameters: Any) -> dict[str, Any]:
    """Start states at rest, and a shot from 9 Å."""
    return {
        "model": ModelData(model_contents()),
        "slab_states": FramesData(states(slab or slab_atoms())),
        "molecule_states": FramesData(states(gas or acetylene())),
        "parameters": orm.Dict(SHOTS | {"aim": {"height": 9.0}} | parameters),
    }


@pytest.mark.parametrize(
    ("parameters", "sentence"),
    [
        ({"aim": {"height": 0.1}, "decision": {"early": False}}, "Å below the surface plane; raise aim.height."),
        ({"aim": {"height": 2.0}, "decision": {"early": False}}, "Å apart; raise aim.height."),
        ({"aim": {"height": 30.0}}, "shot 0: the vacuum is too small: the molecule starts"),
        (
            {"aim": {"height": None}, "decision": {"leave_height": 30.0}},
            "decision.leave_height is 30 Å, and shots start",
        ),
        ({"dynamics": {"timestep_fs": 2.0}}, "dynamics.timestep_fs is 2 fs, too long for H"),
        ({"fixed_layers": 40}, "fixed_layers is 40, but the slab has 4 layers and at least one must move."),
        (
            {"chemistry": {**chemistry(), "groups": [{"name": "X", "atoms": [9]}]}},
            "group 'X' names atom 9, but the molecule's atoms are 0 to 3.",
        ),
    ],
)
def test_shots_are_placed_before_they_are_submitted(
    parameters: dict[str, Any], sentence: str, code: orm.InstalledCode
) -> None:
    assert sentence in refusal("mlgun.shoot", code, **shoot_inputs(**parameters))


def test_good_shots_pass(code: orm.InstalledCode) -> None:
    for changes in ({}, {"aim": {"height": None}, "decision": {"leave_height": None}}):
        instantiate("mlgun.shoot", code=code, **shoot_inputs(**changes))


def test_start_states_that_cannot_give_shots(code: orm.InstalledCode) -> None:
    torn = acetylene()
    torn.positions[3] += 0.5 * (torn.positions[3] - torn.positions[1])
    assert "made of 2 fragments" in refusal("mlgun.shoot", code, **shoot_inputs(gas=torn))
    other = acetylene()
    other.translate([5.5, 0, 0])
    pair = acetylene() + other
    assert "the cell is too narrow: it repeats every 7.7 Å" in refusal("mlgun.shoot", code, **shoot_inputs(gas=pair))
    rising = states(acetylene())
    assert rising.velocities is not None
    rising.velocities[:, 2] = 0.02
    given = shoot_inputs() | {"molecule_states": FramesData(rising)}
    assert "the molecule does not move towards the surface" in refusal("mlgun.shoot", code, **given)
    mixed = concatenate([states(slab_atoms()), states(slab_atoms(41.0))])
    given = shoot_inputs() | {"slab_states": FramesData(mixed)}
    sentence = refusal("mlgun.shoot", code, **given)
    assert "slab_states: state 2 has other atoms, cell or periodicity than state 0." in sentence


@pytest.mark.parametrize("both", [True, False])
def test_a_parent_or_an_architecture(both: bool, code: orm.InstalledCode) -> None:
    given: dict[str, Any] = {"train": frames(), "validation": frames()}
    if both:
        given |= {"model": ModelData(model_contents()), "parameters": orm.Dict({"architecture": {}})}
    sentence = refusal("mlgun.train", code, **given)
    assert "give a parent model, or an architecture in the parameters to train from scratch; not both." in sentence


def test_training_sets_need_labels_and_more_than_isolated_atoms(code: orm.InstalledCode) -> None:
    model = ModelData(model_contents())
    bare = FramesData(states(acetylene()))
    sentence = refusal("mlgun.train", code, model=model, train=bare, validation=frames())
    assert "the train set has no energy and no forces; label it, or name the key when importing." in sentence
    atoms = FramesData(labelled(Atoms("H"), stratum="IsolatedAtom"))
    sentence = refusal("mlgun.train", code, model=model, train=frames(), validation=atoms)
    assert "the validation set holds no frame besides isolated atoms." in sentence


LONE = {"H": Atoms("H", cell=[9, 9, 9], pbc=True), "C": Atoms("C", cell=[9, 9, 9], pbc=True)}


def with_lone_atoms(symbols: str = "HC", atoms: Atoms | None = None) -> FramesData:
    parts = [labelled(LONE[symbol], 1, stratum="IsolatedAtom") for symbol in symbols]
    return FramesData(concatenate([labelled(atoms or acetylene()), *parts]))


@pytest.mark.parametrize(
    ("stage", "train", "sentence"),
    [
        (
            {},
            frames,
            "the train set has H, C and no energy of the isolated atom (e0s: isolated). Add frames of one atom",
        ),
        ({}, lambda: with_lone_atoms("H"), "the train set has C and no energy"),
        ({"e0s": "given", "e0_values": {"C": -1000.0}}, frames, "the train set has H and no energy"),
        ({"e0s": "parent", "method": "replay"}, frames, "the method is 'replay': give the frames to replay"),
        (
            {"e0s": "parent", "parent_head": "pt"},
            frames,
            "'m' has no head 'pt', which the stage starts from; it has Default.",
        ),
    ],
)
def test_a_training_is_looked_at_before_it_starts(
    stage: dict[str, Any], train: Callable[[], FramesData], sentence: str, code: orm.InstalledCode
) -> None:
    given = {"model": ModelData(model_contents(), {"name": "m"}), "train": train(), "validation": frames()}
    assert sentence in refusal("mlgun.train", code, parameters=orm.Dict({"stage": stage}), **given)


def test_frames_to_replay(code: orm.InstalledCode) -> None:
    given = {"model": ModelData(model_contents()), "train": with_lone_atoms(), "validation": frames()}
    sentence = refusal("mlgun.train", code, replay=frames(), **given)
    assert "frames to replay are given, and the method is 'naive', not 'replay'." in sentence
    replayed = orm.Dict({"stage": {"method": "replay"}})
    sentence = refusal("mlgun.train", code, parameters=replayed, replay=frames(COPPER), **given)
    assert "the replay set holds Cu, which the model" in sentence
    sentence = refusal("mlgun.train", code, parameters=replayed, replay=FramesData(states(acetylene())), **given)
    assert "the replay set has no energy and no forces" in sentence


@pytest.mark.parametrize("label", ["energy", "forces"])
def test_labels_that_are_not_finite(label: str, code: orm.InstalledCode) -> None:
    broken = labelled(acetylene())
    values = getattr(broken, label).copy()
    values[-1] = np.nan
    node = FramesData(replace(broken, **{label: values}))
    assert node.base.attributes.get("n_unlabelled") == 1
    given = {"model": ModelData(model_contents()), "train": with_lone_atoms(), "validation": node}
    sentence = refusal("mlgun.train", code, **given)
    assert "the validation set holds 1 frames whose energy or forces are missing or not finite; curate" in sentence


def test_from_scratch_every_element_is_in_the_training_set(code: orm.InstalledCode) -> None:
    e0s = {"e0s": "given", "e0_values": {"H": -13.6, "C": -1030.0}}
    parameters = orm.Dict({"architecture": {}, "stage": e0s})
    sentence = refusal("mlgun.train", code, train=frames(), validation=frames(COPPER), parameters=parameters)
    assert "the validation set holds Cu, and the model will know only H, C." in sentence


def test_an_empty_structure(code: orm.InstalledCode) -> None:
    slab, empty = orm.StructureData(ase=slab_atoms()), orm.StructureData(cell=[[9, 0, 0], [0, 9, 0], [0, 0, 9]])
    given = {"model": ModelData(model_contents()), "slab": slab, "molecule": empty}
    assert "the molecule has no atoms." in refusal("mlgun.equilibrate", code, **given)


def test_an_equilibration_whose_steps_are_too_long(code: orm.InstalledCode) -> None:
    slab, gas = orm.StructureData(ase=slab_atoms()), orm.StructureData(ase=acetylene())
    given = {"model": ModelData(model_contents()), "slab": slab, "molecule": gas}
    sentence = refusal("mlgun.equilibrate", code, parameters=orm.Dict({"timestep_fs": 2.0}), **given)
    assert "timestep_fs is 2 fs, too long for H" in sentence
    instantiate("mlgun.equilibrate", code=code, parameters=orm.Dict({"timestep_fs": 1.0}), **given)


def test_convert_needs_one_source(code: orm.InstalledCode) -> None:
    sentence = refusal("mlgun.convert", code, parameters=orm.Dict({"sha256": "a" * 64}))
    assert "convert: give one of file, path and official, not none." in sentence
    file = orm.SinglefileData(io.BytesIO(b"x"), filename="x.model")
    sentence = refusal("mlgun.convert", code, file=file, parameters=orm.Dict({"sha256": "a" * 64, "path": "/x"}))
    assert "not path and file." in sentence
