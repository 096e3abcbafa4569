from __future__ import annotations

import ast
import json
import struct
from pathlib import Path
from typing import Any

import pytest
from aiida import orm

import aiida_mlgun
from aiida_mlgun.assets import COMPACT_MODEL, shipped_models
from aiida_mlgun.contract.errors import RefusedError
from aiida_mlgun.contract.files import MODEL_CONFIG, MODEL_FILES, MODEL_PROBE, MODEL_WEIGHTS
from aiida_mlgun.data.model import TRUST, ModelData, content_hash, tensor_table
from tests.nodes import model_contents

PACKAGE = Path(aiida_mlgun.__file__).parent


def safetensors(header: Any, body: bytes = b"") -> bytes:
    text = header if isinstance(header, bytes) else json.dumps(header).encode()
    return struct.pack("<Q", len(text)) + text + body


def entry(shape: Any = (2,), offsets: Any = (0, 8), dtype: Any = "F32") -> dict[str, Any]:
    return {
        "dtype": dtype,
        "shape": list(shape) if isinstance(shape, tuple) else shape,
        "data_offsets": list(offsets) if isinstance(offsets, tuple) else offsets,
    }


def test_the_shipped_model_tells_what_it_is() -> None:
    node = ModelData.from_folder(shipped_models()[COMPACT_MODEL]).store()
    config = json.loads(model_contents()[MODEL_CONFIG])
    assert node.name == COMPACT_MODEL
    assert {"H", "C", "Si"} <= set(node.elements)
    assert node.r_max == config["r_max"]
    assert len(node.elements) == len(config["atomic_numbers"])
    assert set(node.base.attributes.get("e0s")) == set(node.elements)
    assert 0 < node.base.attributes.get("n_parameters") * 4 < len(model_contents()[MODEL_WEIGHTS])
    assert set(node.base.repository.list_object_names()) == set(MODEL_FILES)
    found = orm.QueryBuilder().append(ModelData, filters=ModelData.fields.r_max == node.r_max).all(flat=True)
    assert node.pk in [n.pk for n in found]


def test_the_hash_is_the_content_not_the_card() -> None:
    contents = model_contents()
    one, other = ModelData(contents, {"name": "a"}), ModelData(contents, {"name": "b", "licence": "MIT"})
    assert one.content_hash == other.content_hash == content_hash(contents)
    assert one.store().base.caching.compute_hash() == other.store().base.caching.compute_hash()


def test_one_changed_weight_is_another_model() -> None:
    contents = model_contents()
    weights = bytearray(contents[MODEL_WEIGHTS])
    weights[-1] ^= 1
    assert content_hash(contents | {MODEL_WEIGHTS: bytes(weights)}) != content_hash(contents)


def test_a_changed_cutoff_is_another_model_and_another_layout_of_the_json_is_not() -> None:
    contents = model_contents()
    config = json.loads(contents[MODEL_CONFIG])
    again = json.dumps(dict(reversed(config.items()))).encode()
    assert content_hash(contents | {MODEL_CONFIG: again}) == content_hash(contents)
    wider = json.dumps(config | {"r_max": 6.0}).encode()
    assert content_hash(contents | {MODEL_CONFIG: wider}) != content_hash(contents)


def test_the_tensor_order_in_the_file_does_not_matter() -> None:
    one = safetensors({"a": entry(), "b": entry((1,), (8, 12)), "__metadata__": {"x": "y"}}, b"aaaaaaaabbbb")
    other = safetensors({"b": entry((1,), (0, 4)), "a": entry((2,), (4, 12))}, b"bbbbaaaaaaaa")
    assert tensor_table(one).keys() == tensor_table(other).keys() == {"a", "b"}
    contents = model_contents()
    assert content_hash(contents | {MODEL_WEIGHTS: one}) == content_hash(contents | {MODEL_WEIGHTS: other})


def test_shapes_count_numbers() -> None:
    table = tensor_table(safetensors({"a": entry((2, 3), (0, 48), "F64"), "s": entry((), (48, 49), "U8")}, bytes(49)))
    assert (table["a"]["size"], table["s"]["size"]) == (6, 1)


@pytest.mark.parametrize(
    "content",
    [
        b"",
        b"\x01\x02",
        b"\xff" * 8,
        struct.pack("<Q", 2**63) + b"{}",
        safetensors(b"{"),
        safetensors(b"\xff\xfe"),
        safetensors([1, 2]),
        safetensors("weights"),
        safetensors(b"[" * 100_000),
        safetensors({"a": [1]}, bytes(8)),
        safetensors({"a": {"dtype": "F32", "shape": [2]}}, bytes(8)),
        safetensors({"a": entry(offsets=(0, 80))}, bytes(8)),
        safetensors({"a": entry(offsets=(-8, 0))}, bytes(8)),
        safetensors({"a": entry(offsets=(8, 0))}, bytes(8)),
        safetensors({"a": entry(offsets=(0, 4, 8))}, bytes(8)),
        safetensors({"a": entry(offsets=(0.0, 8.0))}, bytes(8)),
        safetensors({"a": entry(offsets=(False, True), shape=(1,), dtype="U8")}, bytes(8)),
        safetensors({"a": entry(shape=(3,))}, bytes(8)),
        safetensors({"a": entry(shape=(-1, -2))}, bytes(8)),
        safetensors({"a": entry(shape=(10**30,))}, bytes(8)),
        safetensors({"a": entry(shape=("x", 10**12))}, bytes(8)),
        safetensors({"a": entry(shape="22")}, bytes(8)),
        safetensors({"a": entry(dtype="OBJECT")}, bytes(8)),
        safetensors({"a": entry(dtype=["F32"])}, bytes(8)),
    ],
    ids=lambda content: f"{len(content)} bytes",
)
def test_hostile_headers_are_refused(content: bytes) -> None:
    with pytest.raises(RefusedError, match=f"{MODEL_WEIGHTS} is no safetensors file"):
        tensor_table(content)
    with pytest.raises(RefusedError, match="no safetensors file"):
        ModelData(model_contents() | {MODEL_WEIGHTS: content})


@pytest.mark.parametrize(
    ("name", "content", "sentence"),
    [
        (MODEL_CONFIG, b"{", "config.json is not JSON"),
        (MODEL_CONFIG, b"\xff", "config.json is not JSON"),
        (MODEL_CONFIG, b"[]", "config.json must hold a mapping"),
        (MODEL_CONFIG, b"{}", "config.json is not the configuration of a stored model .*atomic_numbers"),
        (MODEL_PROBE, b"probe", "probe.json is not JSON"),
    ],
)
def test_foreign_json_is_refused(name: str, content: bytes, sentence: str) -> None:
    with pytest.raises(RefusedError, match=sentence):
        ModelData(model_contents() | {name: content})


@pytest.mark.parametrize("numbers", [[500] * 8, [-1] * 8, [0] * 8, [1], ["C"] * 8, None])
def test_atomic_numbers_that_are_none_are_refused(numbers: Any) -> None:
    contents = model_contents()
    config = json.loads(contents[MODEL_CONFIG]) | {"atomic_numbers": numbers}
    if numbers == [1]:
        config["atomic_energies"] = []
    with pytest.raises(RefusedError, match=r"config\.json is not the configuration"):
        ModelData(contents | {MODEL_CONFIG: json.dumps(config).encode()})


@pytest.mark.parametrize("missing", MODEL_FILES)
def test_a_missing_file_is_named(missing: str, tmp_path: Path) -> None:
    contents = {name: data for name, data in model_contents().items() if name != missing}
    with pytest.raises(RefusedError, match=f"lacks its file {missing}"):
        ModelData(contents)
    for name, data in contents.items():
        (tmp_path / name).write_bytes(data)
    with pytest.raises(RefusedError, match=f"no stored model, {missing} is missing"):
        ModelData.from_folder(tmp_path)


def test_the_card_beside_the_files_is_read_and_a_broken_one_refused(tmp_path: Path) -> None:
    for name, data in model_contents().items():
        (tmp_path / name).write_bytes(data)
    (tmp_path / "card.json").write_text('{"name": "mine", "level": "PBE", "licence": "MIT"}')
    node = ModelData.from_folder(tmp_path, {"level": "PBE-D3"})
    assert (node.name, node.card["level"], node.base.attributes.get("licence")) == ("mine", "PBE-D3", "MIT")
    for text in ("{", "[1]"):
        (tmp_path / "card.json").write_text(text)
        with pytest.raises(RefusedError, match=r"card\.json"):
            ModelData.from_folder(tmp_path)
    with pytest.raises(RefusedError, match="there is no such folder"):
        ModelData.from_folder(tmp_path / "nowhere")


@pytest.mark.parametrize("trust", TRUST)
def test_known_trusts(trust: str) -> None:
    assert ModelData(model_contents(), {"trust": trust}).base.attributes.get("trust") == trust


def test_the_default_trust_is_safe_and_an_unknown_one_is_refused() -> None:
    assert ModelData(model_contents()).base.attributes.get("trust") == "safe"
    with pytest.raises(RefusedError, match="a model's trust is one of safe, pinned, user, not 'blind'"):
        ModelData(model_contents(), {"trust": "blind"})


def test_check_covers_names_owner_element_and_model() -> None:
    node = ModelData(model_contents(), {"name": "m"})
    node.check_covers(["H", "C", "Si"], "the slab")
    with pytest.raises(RefusedError) as caught:
        node.check_covers(["Cu", "H", "Au"], "the slab")
    assert str(caught.value).startswith("the slab holds Cu, Au, which the model 'm' does not know (it knows H, C,")
    assert str(caught.value).endswith("Choose a model that covers it, or train one.")


def test_an_empty_node_cannot_be_stored() -> None:
    from aiida.common.exceptions import ValidationError

    with pytest.raises(ValidationError, match="ModelData lacks"):
        ModelData().store()


@pytest.mark.parametrize("room", ["data", "calculations", "parsers", "workflows", "cli"])
def test_the_workstation_never_imports_what_opens_pickles(room: str) -> None:
    paths = list((PACKAGE / room).rglob("*.py"))
    assert paths
    for path in paths:
        for node in ast.walk(ast.parse(path.read_text())):
            names = [alias.name for alias in node.names] if isinstance(node, ast.Import) else []
            if isinstance(node, ast.ImportFrom):
                names = [node.module or "", *(alias.name for alias in node.names)]
            roots = {name.split(".")[0] for name in names}
            banned = {"torch", "mace", "pickle", "cloudpickle", "joblib", "safetensors", "remote"}
            assert not roots & banned, f"{path.name} imports {roots & banned}"
