"""Each check of a trained model fails by name when just that is wrong."""

from __future__ import annotations

import copy
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import torch
from mace.tools import build_default_arg_parser

from aiida_mlgun.contract.errors import RunFailedError
from aiida_mlgun.contract.training import Stage
from aiida_mlgun.remote.mace import command, load_model
from aiida_mlgun.remote.mace.product import Asked, checked
from aiida_mlgun.remote.mace.start import plain

from ..stages import PARENT_E0S, store_parent

WORK = Path("/work-of-a-job")
Parts = dict[str, Any]


@pytest.fixture(scope="module")
def parent(tmp_path_factory: pytest.TempPathFactory) -> Any:
    folder = tmp_path_factory.mktemp("parent")
    store_parent(folder)
    return load_model(folder, "cpu", "float64")


def parts(parent: Any, moved: str, **settings: Any) -> Parts:
    """A stage that went right: the start is the parent, and weights whose name begins with ``moved`` have moved."""
    stage = Stage(**{"epochs": 2, "batch_size": 4, "readout": "keep", "e0s": "parent"} | settings)
    argv = command.arguments(WORK, stage, {1: -13.6, 6: -1030.0, 14: -7800.0}, "cpu", None, WORK / "parent.model")
    model = copy.deepcopy(parent)
    start = {key: value.clone() for key, value in model.state_dict().items() if value.numel()}
    for name, parameter in model.named_parameters():
        if name.startswith(moved):
            parameter.data += 0.01
    effective = plain(vars(build_default_arg_parser().parse_args(argv)), WORK)
    asked = Asked(stage, copy.deepcopy(parent), dict(PARENT_E0S), None, [1, 6, 14], 3.0, argv)
    return {"model": model, "start": start, "effective": effective, "asked": asked}


def test_a_model_as_asked_for_passes_every_check(parent: Any) -> None:
    answers = checked(**parts(parent, "readouts"))
    assert all(answer["passed"] and answer["detail"] for answer in answers)
    assert [answer["check"] for answer in answers] == [
        *("options", "finite_weights", "dtype", "heads", "elements", "r_max", "e0s", "probe"),
        *("trained", "backbone_start", "readouts_start"),
    ]


def other_loss(made: Parts) -> None:
    made["effective"]["loss"] = "universal"


def broken_weight(made: Parts) -> None:
    made["model"].products[0].linear.weight.data[0] = torch.nan


def other_precision(made: Parts) -> None:
    made["model"].float()


def other_head(made: Parts) -> None:
    made["model"].heads = ["pt_head"]


def other_element(made: Parts) -> None:
    made["model"].atomic_numbers[2] = 32


def shorter_reach(made: Parts) -> None:
    made["model"].r_max.fill_(2.5)


def energies_overwritten(made: Parts) -> None:
    made["asked"] = replace(made["asked"], e0s=PARENT_E0S | {"Si": -7801.0})


def unmoved(made: Parts) -> None:
    made["model"].load_state_dict(made["start"], strict=False)


def other_backbone(made: Parts) -> None:
    made["start"]["node_embedding.linear.weight"] += 1e-3


def readouts_not_anew(made: Parts) -> None:
    made["asked"] = replace(made["asked"], stage=replace(made["asked"].stage, readout="reinitialise"))
    made["effective"]["foundation_filter_elements"] = False
    argv = [word.replace("filter_elements=True", "filter_elements=False") for word in made["asked"].argv]
    made["asked"] = replace(made["asked"], argv=argv)


def readouts_lost(made: Parts) -> None:
    for key in (key for key in made["start"] if key.startswith("readouts")):
        made["start"][key] += 0.1


@pytest.mark.parametrize(
    ("harm", "sentence"),
    [
        (other_loss, "options: loss is universal, weighted was asked for"),
        (broken_weight, r"finite_weights: products.0.linear.weight is not finite"),
        (other_precision, "dtype: float32; asked for: float64"),
        (other_head, "heads: pt_head; asked for: Default"),
        (other_element, "elements: H C Ge; asked for: H C Si"),
        (shorter_reach, "r_max: 2.5 Å; asked for: 3 Å"),
        (energies_overwritten, "e0s: Si: -7801.0 eV was asked for, -7800.0 eV is stored"),
        (unmoved, "trained: 0 of .* tensors have moved"),
        (other_backbone, "backbone_start: node_embedding.linear.weight is not the parent's"),
        (readouts_not_anew, "readouts_start: reinitialise was asked for"),
        (readouts_lost, "readouts_start: keep was asked for"),
    ],
    ids=lambda value: getattr(value, "__name__", ""),
)
def test_what_is_not_as_asked_for_ends_the_run_by_name(
    parent: Any, harm: Callable[[Parts], None], sentence: str
) -> None:
    made = parts(parent, "readouts")
    harm(made)
    with pytest.raises(RunFailedError, match=sentence) as caught:
        checked(**made)
    assert caught.value.status == ("e0s_changed" if sentence.startswith("e0s") else "product_differs")


@pytest.mark.parametrize(
    ("freeze", "moved", "sentence"),
    [
        ("embedding", "node_embedding", "node_embedding.linear.weight has moved"),
        ("interactions", "interactions.1.linear_up", "interactions.1.linear_up.weight has moved"),
        ("products", "products.0.linear", "products.0.linear.weight has moved"),
    ],
)
def test_a_frozen_layer_that_moved_is_named(parent: Any, freeze: str, moved: str, sentence: str) -> None:
    assert checked(**parts(parent, "readouts", method="frozen", freeze=freeze))[-1]["check"] == "frozen"
    with pytest.raises(RunFailedError, match=f"frozen: {sentence}"):
        checked(**parts(parent, moved, method="frozen", freeze=freeze))


def test_lora_moves_linear_layers_by_no_more_than_its_rank(parent: Any) -> None:
    made = parts(parent, "interactions.0.conv_tp_weights", method="lora", lora_rank=1)  # + 0.01 everywhere is rank 1
    assert [answer["check"] for answer in checked(**made)][-2:] == ["lora_rank", "frozen"]
    made["model"].interactions[0].conv_tp_weights.layer0.weight.data += 0.01 * torch.eye(4, 8)
    with pytest.raises(RunFailedError, match=r"lora_rank: interactions.0.conv_tp_weights.layer0.weight has moved by"):
        checked(**made)
    with pytest.raises(RunFailedError, match=r"frozen: products.0.symmetric_contractions.* has moved"):
        checked(**parts(parent, "products.0.symmetric", method="lora", lora_rank=1))
