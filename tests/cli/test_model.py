from __future__ import annotations

import re
from collections.abc import Callable
from hashlib import sha256
from pathlib import Path

import pytest
from aiida import orm
from click.testing import Result

from aiida_mlgun.assets import COMPACT_MODEL
from aiida_mlgun.contract.files import MODEL_FILES
from aiida_mlgun.data.model import ModelData
from tests.nodes import model_contents

Run = Callable[..., Result]
Refusal = Callable[..., str]


@pytest.mark.usefixtures("aiida_profile_clean")
def test_a_shipped_model_comes_in_and_is_listed(run: Run) -> None:
    assert f"shipped: {COMPACT_MODEL} (default)" in run("model", "list").stdout
    result = run("model", "import", COMPACT_MODEL)
    found = re.search(rf"ModelData<(\d+)>: {COMPACT_MODEL}, H C .* r_max 5.0 Å", result.output)
    assert found, result.output
    node = orm.load_node(int(found[1]))
    assert (node.label, node.base.attributes.get("trust")) == (COMPACT_MODEL, "safe")
    (row,) = [line for line in run("model", "list").stdout.splitlines() if line.split()[:1] == [str(node.pk)]]
    assert COMPACT_MODEL in row
    shown = run("model", "show", node.pk).stdout
    for words in ("ScaleShiftMACE", "level of theory", "licence", "safe", node.content_hash[:16]):
        assert words in shown


def test_a_folder_comes_in_under_another_name(run: Run, tmp_path: Path) -> None:
    for name, content in model_contents().items():
        (tmp_path / name).write_bytes(content)
    assert ">: mine, H C" in run("model", "import", tmp_path, "--name", "mine").output


def test_what_is_no_model_is_refused(refusal: Refusal, tmp_path: Path) -> None:
    before = orm.QueryBuilder().append(ModelData).count()
    assert "no stored model, weights.safetensors is missing." in refusal("model", "import", tmp_path)
    wrong = refusal("model", "import", tmp_path / "nowhere.model")
    assert wrong.endswith(f"there is no such file or folder. Shipped models: {COMPACT_MODEL}.")
    assert "say which file is meant with --sha256" in refusal("model", "import", "small")
    for name in MODEL_FILES:
        (tmp_path / name).write_bytes(b"{}")
    assert "no safetensors file" in refusal("model", "import", tmp_path)
    assert orm.QueryBuilder().append(ModelData).count() == before


def test_a_pickle_is_not_opened_without_trust_and_a_code(refusal: Refusal, tmp_path: Path) -> None:
    pickle = tmp_path / "foreign.model"
    pickle.write_bytes(b"cos\nsystem\n(S'false'\ntR.")
    sentence = refusal("model", "import", pickle)
    assert "foreign.model is a pickle, and opening it runs what is in it." in sentence
    assert sha256(pickle.read_bytes()).hexdigest() in sentence
    assert "--trust" in sentence
    assert "name its mlgun code with --code" in refusal("model", "import", pickle, "--trust")
    assert "name its mlgun code with --code" in refusal("model", "import", "small", "--sha256", "a" * 64)


def test_show_takes_models_alone(run: Run) -> None:
    assert run("model", "show", orm.Int(3).store().pk).exit_code != 0
