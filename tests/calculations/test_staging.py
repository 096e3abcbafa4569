"""What each verb sends: ``job.json`` that parses back, the files beside it, the files that come home."""

from __future__ import annotations

import io
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from aiida import orm
from ase import Atoms

from aiida_mlgun.contract import files
from aiida_mlgun.contract.jobs import VERBS, ShootJob, from_json
from aiida_mlgun.data.frames import FramesData
from aiida_mlgun.data.model import ModelData
from aiida_mlgun.science.frames import from_arrays
from aiida_mlgun.science.npz import unpack
from tests.nodes import acetylene, chemistry, labelled, model_contents, prepare, slab_atoms, states

OUTPUTS = {
    "convert": [files.MODEL],
    "curate": [files.TRAIN, files.VALIDATION, files.TEST, files.CURATION, files.FATES],
    "train": [files.MODEL, files.TRAINING, files.CHECKPOINT],
    "evaluate": [files.PREDICTIONS, files.ERRORS],
    "describe": [files.DESCRIPTORS, files.COVERAGE],
    "equilibrate": [files.SLAB_STATES, files.MOLECULE_STATES, files.EQUILIBRATION],
    "shoot": [files.SHOTS, files.TRAJECTORIES, files.CHECKPOINT],
    "export": [files.EXPORT],
    "probe": [files.MACHINE],
}


@pytest.fixture
def code(aiida_code_installed: Callable[..., orm.InstalledCode]) -> orm.InstalledCode:
    return aiida_code_installed(filepath_executable="bash")


@pytest.fixture
def inputs() -> dict[str, dict[str, Any]]:
    """Verb → inputs that it takes."""
    frames = FramesData(labelled(acetylene())).store()
    model = ModelData(model_contents()).store()
    slab, molecule = orm.StructureData(ase=slab_atoms()), orm.StructureData(ase=acetylene())
    start = {"slab_states": FramesData(states(slab_atoms())), "molecule_states": FramesData(states(acetylene()))}
    start = {name: node.store() for name, node in start.items()}
    foreign = orm.SinglefileData(io.BytesIO(b"not opened here"), filename="foreign name.model").store()
    return {
        "convert": {"file": foreign, "parameters": orm.Dict({"sha256": "a" * 64})},
        "curate": {"frames": frames, "parameters": orm.Dict({"keep_every": 3, "bond_fission": [["C", "H"]]})},
        "train": {
            "model": model,
            "train": frames,
            "validation": frames,
            "parameters": orm.Dict({"name": "m", "stage": {"e0s": "parent"}}),
        },
        "evaluate": {"model": model, "frames": frames, "parameters": orm.Dict({"batch_size": 2})},
        "describe": {
            "model": model,
            "frames": frames,
            "pool": frames,
            "parameters": orm.Dict({"select": "farthest", "n_select": 2, "batch_size": 4}),
        },
        "equilibrate": {"model": model, "slab": slab, "molecule": molecule, "parameters": orm.Dict({"snapshots": 4})},
        "shoot": {
            "model": model,
            **start,
            "parameters": orm.Dict({"n_shots": 7, "first_shot": 14, "chemistry": chemistry()}),
        },
        "export": {"model": model, "parameters": orm.Dict({"format": "lammps", "precision": "float32"})},
        "probe": {"parameters": orm.Dict({"repeat": 1, "seconds": 0.5})},
    }


@pytest.mark.parametrize("verb", VERBS)
def test_job_code_and_retrieve_list(
    verb: str, inputs: dict[str, dict[str, Any]], code: orm.InstalledCode, tmp_path: Path
) -> None:
    folder, info = prepare(tmp_path, f"mlgun.{verb}", code=code, **inputs[verb])
    text = Path(folder.get_abs_path(files.JOB)).read_text()
    job = from_json(verb, text)
    assert type(job) is VERBS[verb]
    for name, value in inputs[verb]["parameters"].get_dict().items():
        if isinstance(value, int | float | str):
            assert getattr(job, name) == value
    (run,) = info.codes_info
    assert (run.code_uuid, run.cmdline_params) == (code.uuid, [verb, files.JOB])
    assert (run.stdout_name, run.stderr_name) == (files.STDOUT, files.STDERR)
    assert info.retrieve_list == [files.MANIFEST, files.STDOUT, files.STDERR, *OUTPUTS[verb]]


@pytest.mark.parametrize(
    ("verb", "targets"),
    [
        ("convert", {files.FOREIGN_MODEL}),
        ("curate", {files.FRAMES}),
        ("train", {files.TRAIN, files.VALIDATION, *(f"{files.PARENT_MODEL}/{n}" for n in files.MODEL_FILES)}),
        ("evaluate", {files.FRAMES, *(f"{files.MODEL}/{n}" for n in files.MODEL_FILES)}),
        ("describe", {files.FRAMES, files.POOL, *(f"{files.MODEL}/{n}" for n in files.MODEL_FILES)}),
        ("equilibrate", {f"{files.MODEL}/{n}" for n in files.MODEL_FILES}),
        ("export", {f"{files.MODEL}/{n}" for n in files.MODEL_FILES}),
        (
            "shoot",
            {files.SLAB_STATES, files.MOLECULE_STATES, *(f"{files.MODEL}/{n}" for n in files.MODEL_FILES)},
        ),
    ],
)
def test_copied_files(
    verb: str, targets: set[str], inputs: dict[str, dict[str, Any]], code: orm.InstalledCode, tmp_path: Path
) -> None:
    _, info = prepare(tmp_path, f"mlgun.{verb}", code=code, **inputs[verb])
    assert {target for _, _, target in info.local_copy_list} == targets
    for uuid, name, _ in info.local_copy_list:
        assert orm.load_node(uuid).base.repository.get_object_content(name, "rb")


def test_equilibrate_writes_slab_and_molecule(
    inputs: dict[str, dict[str, Any]], code: orm.InstalledCode, tmp_path: Path
) -> None:
    folder, _ = prepare(tmp_path, "mlgun.equilibrate", code=code, **inputs["equilibrate"])
    for name, atoms in ((files.SLAB, slab_atoms()), (files.MOLECULE, acetylene())):
        frames = from_arrays(unpack(Path(folder.get_abs_path(name)).read_bytes()))
        assert len(frames) == 1
        assert np.allclose(frames.positions, atoms.positions, atol=1e-9)
        assert frames.numbers.tolist() == atoms.numbers.tolist()


def test_shoot_with_a_committee(inputs: dict[str, dict[str, Any]], code: orm.InstalledCode, tmp_path: Path) -> None:
    members = {name: ModelData(model_contents(), {"name": name}).store() for name in ("second", "first")}
    folder, info = prepare(tmp_path, "mlgun.shoot", code=code, **inputs["shoot"], committee=members)
    job = from_json("shoot", Path(folder.get_abs_path(files.JOB)).read_text())
    assert isinstance(job, ShootJob) and job.committee == 2
    copied = {target: uuid for uuid, _, target in info.local_copy_list}
    for number, name in enumerate(("first", "second")):
        for file in files.MODEL_FILES:
            assert copied[f"committee_{number}/{file}"] == members[name].uuid


def test_train_says_whether_there_is_a_parent_and_a_test_set(
    inputs: dict[str, dict[str, Any]], code: orm.InstalledCode, tmp_path: Path
) -> None:
    frames = inputs["train"]["train"]
    folder, info = prepare(tmp_path, "mlgun.train", code=code, **inputs["train"], test=frames)
    job = from_json("train", Path(folder.get_abs_path(files.JOB)).read_text())
    assert (job.parent, job.has_test) == (True, True)  # type: ignore[union-attr]
    assert (frames.uuid, files.FRAMES, files.TEST) in info.local_copy_list


def test_train_with_replay_and_a_checkpoint(
    inputs: dict[str, dict[str, Any]], code: orm.InstalledCode, tmp_path: Path
) -> None:
    given = dict(inputs["train"])
    frames = given["train"]
    given["parameters"] = orm.Dict({"stage": {"e0s": "parent", "method": "replay"}})
    checkpoint = orm.FolderData()
    for name in ("state-000002.json", "state-000002.pt"):
        checkpoint.base.repository.put_object_from_filelike(io.BytesIO(b"x"), name)
    checkpoint.store()
    folder, info = prepare(tmp_path, "mlgun.train", code=code, **given, replay=frames, checkpoint=checkpoint)
    job = from_json("train", Path(folder.get_abs_path(files.JOB)).read_text())
    assert (job.has_replay, job.resume, job.stage.method) == (True, True, "replay")  # type: ignore[union-attr]
    assert (frames.uuid, files.FRAMES, files.REPLAY) in info.local_copy_list
    for name in ("state-000002.json", "state-000002.pt"):
        assert (checkpoint.uuid, name, f"{files.CHECKPOINT}/{name}") in info.local_copy_list


def test_shots_go_on_from_a_checkpoint(
    inputs: dict[str, dict[str, Any]], code: orm.InstalledCode, tmp_path: Path
) -> None:
    checkpoint = orm.FolderData()
    for name in ("state-000002.json", "state-000002.npz", "shard-000000.npz"):
        checkpoint.base.repository.put_object_from_filelike(io.BytesIO(b"x"), name)
    checkpoint.store()
    folder, info = prepare(tmp_path / "on", "mlgun.shoot", code=code, **inputs["shoot"], checkpoint=checkpoint)
    assert from_json("shoot", Path(folder.get_abs_path(files.JOB)).read_text()).resume is True  # type: ignore[union-attr]
    for name in ("state-000002.json", "state-000002.npz", "shard-000000.npz"):
        assert (checkpoint.uuid, name, f"{files.CHECKPOINT}/{name}") in info.local_copy_list
    assert files.CHECKPOINT in info.retrieve_list
    folder, _ = prepare(tmp_path / "new", "mlgun.shoot", code=code, **inputs["shoot"])
    assert from_json("shoot", Path(folder.get_abs_path(files.JOB)).read_text()).resume is False  # type: ignore[union-attr]


@pytest.mark.parametrize("verb", ["train", "shoot"])
@pytest.mark.parametrize(
    ("own", "wall", "seconds"), [(None, None, None), (None, 1000, 900.0), (50.0, 1000, 50.0), (50.0, None, 50.0)]
)
def test_jobs_that_can_be_gone_on_from_leave_a_tenth_of_the_wall_time(
    verb: str,
    own: float | None,
    wall: int | None,
    seconds: float | None,
    inputs: dict[str, dict[str, Any]],
    code: orm.InstalledCode,
    tmp_path: Path,
) -> None:
    given = dict(inputs[verb])
    given["parameters"] = orm.Dict({**given["parameters"].get_dict(), **({"max_seconds": own} if own else {})})
    metadata = {"options": {"max_wallclock_seconds": wall}} if wall else {}
    folder, _ = prepare(tmp_path, f"mlgun.{verb}", code=code, metadata=metadata, **given)
    job = from_json(verb, Path(folder.get_abs_path(files.JOB)).read_text())
    assert job.max_seconds == seconds  # type: ignore[union-attr]


@pytest.mark.parametrize("pool", [True, False])
def test_describe_says_whether_there_is_a_pool(
    pool: bool, inputs: dict[str, dict[str, Any]], code: orm.InstalledCode, tmp_path: Path
) -> None:
    given = {name: node for name, node in inputs["describe"].items() if pool or name != "pool"}
    folder, info = prepare(tmp_path, "mlgun.describe", code=code, **given)
    job = from_json("describe", Path(folder.get_abs_path(files.JOB)).read_text())
    assert job.has_pool is pool  # type: ignore[union-attr]
    assert (files.POOL in {target for _, _, target in info.local_copy_list}) is pool


def test_train_from_scratch(inputs: dict[str, dict[str, Any]], code: orm.InstalledCode, tmp_path: Path) -> None:
    given = {name: node for name, node in inputs["train"].items() if name != "model"}
    e0s = {"e0s": "given", "e0_values": {"H": -13.6, "C": -1030.0}}
    given["parameters"] = orm.Dict({"architecture": {"channels": 8}, "stage": e0s})
    folder, info = prepare(tmp_path, "mlgun.train", code=code, **given)
    job = from_json("train", Path(folder.get_abs_path(files.JOB)).read_text())
    assert (job.parent, job.architecture.channels) == (False, 8)  # type: ignore[union-attr]
    assert {target for _, _, target in info.local_copy_list} == {files.TRAIN, files.VALIDATION}


def test_convert_by_name_sends_no_file(code: orm.InstalledCode, tmp_path: Path) -> None:
    parameters = orm.Dict({"sha256": "0" * 64, "official": "small"})
    _, info = prepare(tmp_path, "mlgun.convert", code=code, parameters=parameters)
    assert info.local_copy_list == []


def test_equal_inputs_give_equal_jobs(
    inputs: dict[str, dict[str, Any]], code: orm.InstalledCode, tmp_path: Path
) -> None:
    texts = []
    for name in ("one", "two"):
        folder, _ = prepare(tmp_path / name, "mlgun.shoot", code=code, **inputs["shoot"])
        texts.append(Path(folder.get_abs_path(files.JOB)).read_bytes())
    assert texts[0] == texts[1]


def test_a_structure_keeps_its_periodicity(code: orm.InstalledCode, tmp_path: Path) -> None:
    slab = slab_atoms()
    slab.pbc = (True, True, False)
    given = {"slab": orm.StructureData(ase=slab), "molecule": orm.StructureData(ase=Atoms(acetylene()))}
    folder, _ = prepare(tmp_path, "mlgun.equilibrate", code=code, model=ModelData(model_contents()).store(), **given)
    frames = from_arrays(unpack(Path(folder.get_abs_path(files.SLAB)).read_bytes()))
    assert frames.pbc.tolist() == [[True, True, False]]
    assert np.allclose(frames.cell[0], slab.cell.array)
