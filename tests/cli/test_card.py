"""The card of a model: what it shows of architecture, lineage, stages, errors; as tables and as JSON."""

from __future__ import annotations

import json
from collections.abc import Callable

import pytest
from aiida import orm
from aiida.common.links import LinkType
from click.testing import Result

from aiida_mlgun.assets import COMPACT_MODEL, shipped_models
from aiida_mlgun.cli.card import model_card
from aiida_mlgun.data.model import ModelData
from tests.nodes import model_contents

Run = Callable[..., Result]
STAGE = {"method": "replay", "readout": "keep", "epochs": 7, "lr": 0.002, "batch_size": 16, "seed": 24}
ROW = {"n_frames": 30, "mae_energy": 0.001, "rmse_energy": 0.002, "p95_energy": 0.0041}
ROW |= {"mae_forces": 0.03, "rmse_forces": 0.05, "p95_forces": None}


def descendant(parent: ModelData, name: str, step: float) -> ModelData:
    """A model trained from ``parent`` by a job, as the parser of ``mlgun.train`` makes its card."""
    contents = model_contents()
    config = json.loads(contents["config.json"])
    config["atomic_inter_shift"] = [config["atomic_inter_shift"][0] + step]
    job = orm.CalcJobNode()
    job.base.links.add_incoming(parent, LinkType.INPUT_CALC, "model")
    job.store()
    card = {
        "name": name,
        "stage": {**STAGE, "epochs": int(step)},
        "data": {"train": {"content_hash": "ab" * 32, "n_frames": 120, "levels": ["PBE"]}},
        "lineage": [
            *parent.card.get("lineage", []),
            {"name": parent.name, "content_hash": parent.content_hash},
        ],
        "errors": {"test": ROW},
        "resumed": step > 1,
    }
    node = ModelData(contents | {"config.json": json.dumps(config).encode()}, card)
    node.base.links.add_incoming(job, LinkType.CREATE, "model")
    return node.store()


@pytest.fixture
def third(aiida_profile_clean: object) -> ModelData:
    """Foundation model → broad → target."""
    first = ModelData.from_folder(shipped_models()[COMPACT_MODEL]).store()
    return descendant(descendant(first, "broad", 1.0), "target", 2.0)


def test_lineage_stages_and_errors(third: ModelData) -> None:
    card = model_card(third)
    assert [entry["name"] for entry in card["lineage"]] == [COMPACT_MODEL, "broad", "target"]
    assert [entry.get("stage", {}).get("epochs") for entry in card["lineage"]] == [None, 1, 2]
    assert card["lineage"][1]["data"]["train"]["n_frames"] == 120
    assert card["resumed"] is True and card["errors"] == {"test": {"all": ROW}}
    assert card["architecture"] == {
        "class": "ScaleShiftMACE",
        "layers": 2,
        "hidden_irreps": "16x0e",
        "correlation": 2,
        "max_ell": 3,
        "r_max": 5.0,
        "radial_basis": "8 bessel",
        "radial_mlp": [64, 64, 64],
        "readout_irreps": "16x0e",
        "interaction": "RealAgnosticResidualInteractionBlock",
        "average_neighbours": pytest.approx(20.818, abs=1e-3),
        "parameters": third.base.attributes.get("n_parameters"),
        "dtype": "float32",
    }
    assert set(card["e0s"]) == set(third.elements) and card["content_hash"] == third.content_hash


@pytest.mark.parametrize("verdi", [False, True])
def test_both_commands_show_it(third: ModelData, verdi: bool, run: Run, run_verdi: Run) -> None:
    words = ("data", "mlgun.model", "show", third.pk) if verdi else ("model", "show", third.pk)
    show = run_verdi if verdi else run
    text = show(*words).stdout
    lines = [line.split() for line in text.splitlines()]
    assert f"{COMPACT_MODEL} → broad → target" in text
    assert ["architecture", "ScaleShiftMACE,", "2", "layers,", "16x0e"] in lines
    (row,) = [line for line in lines if line[:1] == ["target"]]
    assert row[2:6] == ["replay", "keep", "2", "0.002"] and row[-3:] == ["120", "abababababab", "yes"]
    (row,) = [line for line in lines if line[:2] == ["test", "all"]]
    assert row[2:] == ["30", "1", "2", "4.1", "30", "50", "-"]
    assert json.loads(show(*words, "--format", "json").stdout) == json.loads(json.dumps(model_card(third)))


def test_a_bare_model_has_a_card(run: Run) -> None:
    node = ModelData(model_contents()).store()
    text = run("model", "show", node.pk).stdout
    assert "unnamed" in text and "errors on" not in text and "method" not in text
    shipped = ModelData.from_folder(shipped_models()[COMPACT_MODEL]).store()
    lines = [line.split() for line in run("model", "show", shipped.pk).stdout.splitlines()]
    assert ["si001_gun", "6", "4.74", "5.22", "58.3", "91.1"] in [line[1:] for line in lines if line[:1] == ["test"]]
