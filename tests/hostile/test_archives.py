"""A hostile AiiDA archive: names that lead out of a folder come in with it, and go no further."""

from __future__ import annotations

import io
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from aiida import orm
from aiida.cmdline.commands.cmd_verdi import verdi
from aiida.tools import delete_nodes
from aiida.tools.archive import create_archive, import_archive
from click.testing import CliRunner, Result

from aiida_mlgun.contract import files
from aiida_mlgun.contract.errors import RefusedError
from aiida_mlgun.data.frames import FramesData
from aiida_mlgun.data.model import ModelData
from aiida_mlgun.data.shots import ShotsData
from tests.nodes import acetylene, chemistry, instantiate, labelled, model_contents, shot_arrays, slab_atoms, states

OUT = "../../../escaped"
NAMES = [OUT, "sub/../../escaped", "sub/escaped", ".hidden", "a b", "a\nb", "-rf", "état"]


@pytest.fixture
def through_an_archive(tmp_path: Path) -> Callable[[orm.Data], orm.Data]:
    """Store a node, write it to an archive, forget it, and read the archive."""

    def travel(node: orm.Data) -> orm.Data:
        uuid = node.store().uuid
        path = tmp_path / "hostile.aiida"
        create_archive([node], filename=path, overwrite=True)
        delete_nodes([node.pk], dry_run=False)
        import_archive(path)
        found = orm.load_node(uuid)
        assert isinstance(found, orm.Data)
        return found

    return travel


def put(node: orm.Data, name: str, content: bytes = b"escaped") -> None:
    node.base.repository.put_object_from_filelike(io.BytesIO(content), name)


def outside(tmp_path: Path) -> list[Path]:
    """What lies beside or above the folder that was written to."""
    return [found for base in (tmp_path, *tmp_path.parents[:4]) for found in base.glob("escaped*")]


@pytest.mark.parametrize("name", NAMES)
def test_a_checkpoint_with_such_a_name_is_refused_before_submission(
    name: str,
    through_an_archive: Callable[[orm.Data], orm.Data],
    aiida_code_installed: Callable[..., orm.InstalledCode],
) -> None:
    checkpoint = orm.FolderData()
    put(checkpoint, name)
    put(checkpoint, "state-000001.json")
    inputs: dict[str, Any] = {
        "code": aiida_code_installed(filepath_executable="bash"),
        "model": ModelData(model_contents()),
        "slab_states": FramesData(states(slab_atoms())),
        "molecule_states": FramesData(states(acetylene())),
        "parameters": orm.Dict({"n_shots": 2, "chemistry": chemistry()}),
        "checkpoint": through_an_archive(checkpoint),
    }
    with pytest.raises(ValueError, match="which no job of this package writes"):
        instantiate("mlgun.shoot", **inputs)


def verdi_data(*words: object) -> Result:
    return CliRunner().invoke(verdi, ["data", *map(str, words)])


def test_a_model_is_exported_as_its_three_files_and_its_card(
    through_an_archive: Callable[[orm.Data], orm.Data], tmp_path: Path
) -> None:
    node = ModelData(model_contents(), {"name": "../../../escaped"})
    put(node, OUT)
    node = through_an_archive(node)
    output = tmp_path / "a" / "b" / "model"
    result = verdi_data("mlgun.model", "export", node.pk, "-o", output)
    assert result.exit_code == 0, result.output
    assert {path.name for path in output.iterdir()} == {*files.MODEL_FILES, "card.json"}
    assert outside(output) == []


def test_frames_and_shots_are_read_from_their_own_files_alone(
    through_an_archive: Callable[[orm.Data], orm.Data], tmp_path: Path
) -> None:
    frames = FramesData(labelled(acetylene()))
    put(frames, OUT)
    node = through_an_archive(frames)
    assert isinstance(node, FramesData)
    assert len(node.frames()) == 3
    output = tmp_path / "a" / "b" / "frames.extxyz"
    output.parent.mkdir(parents=True)
    result = verdi_data("mlgun.frames", "export", node.pk, "-o", output)
    assert result.exit_code == 0, result.output
    shots = ShotsData(shot_arrays())
    put(shots, OUT)
    found = through_an_archive(shots)
    assert isinstance(found, ShotsData)
    assert len(found.to_pandas()) == 3
    assert outside(output) == []


def test_an_archive_whose_arrays_are_pickles_is_a_sentence(
    through_an_archive: Callable[[orm.Data], orm.Data],
) -> None:
    """Attributes of an imported node may say anything; its content is looked at when it is read."""
    node = FramesData(labelled(acetylene()))
    node.base.repository.delete_object(files.FRAMES)
    put(node, files.FRAMES, b"cos\nmkdir\n(S'never'\ntR.")
    found = through_an_archive(node)
    assert isinstance(found, FramesData)
    with pytest.raises(RefusedError, match="not a file of arrays"):
        found.frames()
