"""``aiida-mlgun report`` of workflows that train: what is collected from their nodes, printed and written."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from aiida import orm
from aiida.common.links import LinkType
from aiida.engine import ProcessState
from click.testing import Result

from aiida_mlgun.cli.collect import collect
from aiida_mlgun.data.frames import FramesData
from aiida_mlgun.data.model import ModelData
from aiida_mlgun.science.errors import error_table
from tests.nodes import acetylene, labelled, model_contents
from tests.report import scores

Run = Callable[..., Result]
pytestmark = pytest.mark.usefixtures("aiida_profile_clean")
HISTORY = {"epoch": [0, 1], "loss": [2.0, 1.0], "rmse_energy": [0.2, 0.1], "rmse_forces": [0.4, 0.3]}


def process(label: str, inputs: Mapping[str, orm.Data], caller: orm.ProcessNode | None = None) -> orm.WorkChainNode:
    """A finished workflow of this name."""
    node = orm.WorkChainNode()
    node.set_process_label(label)
    node.set_process_state(ProcessState.FINISHED)
    for name, one in inputs.items():
        node.base.links.add_incoming(one.store(), LinkType.INPUT_WORK, name)
    if caller is not None:
        node.base.links.add_incoming(caller, LinkType.CALL_WORK, label)
    return node.store()


def job(label: str, inputs: Mapping[str, orm.Data], outputs: Mapping[str, orm.Data], caller: Any) -> orm.CalcJobNode:
    """A finished job and what it made."""
    node = orm.CalcJobNode()
    node.set_process_label(label)
    for name, one in inputs.items():
        node.base.links.add_incoming(one.store(), LinkType.INPUT_CALC, name)
    node.base.links.add_incoming(caller, LinkType.CALL_CALC, f"{label}{len(caller.called)}")
    node.store()
    for name, one in outputs.items():
        one.base.links.add_incoming(node, LinkType.CREATE, name)
        one.store()
    return node


def give(chain: orm.ProcessNode, outputs: Mapping[str, orm.Data]) -> None:
    for name, one in outputs.items():
        one.store().base.links.add_incoming(chain, LinkType.RETURN, name)


def a_set(n: int = 4, sets: str = "") -> FramesData:
    frames = replace(labelled(acetylene(), n), energy=np.linspace(-9.0, -8.0, n))
    return FramesData(frames.with_tag("set", [sets] * n) if sets else frames)


def predicted(node: FramesData, off: float) -> tuple[orm.ArrayData, orm.Dict]:
    frames = node.frames()
    energy, forces = frames.energy + off, np.full((len(frames.numbers), 3), off)
    table = error_table(frames, energy, forces, "set")
    return orm.ArrayData({"energy": energy, "forces": forces}), orm.Dict(table)


def finetune() -> orm.ProcessNode:
    """Start model → stage_1, whose training lowered lr by itself."""
    train, test = a_set(6), a_set(4, "stage_1")
    start = ModelData(model_contents(), {"name": "small"})
    inputs = {"model": start, "stages__stage_1__train": train, "stages__stage_1__validation": train}
    inputs |= {"stages__stage_1__test": test, "stages__stage_1__parameters": orm.Dict({"stage": {"lr": 0.01}})}
    chain = process("FinetuneWorkChain", inputs)
    inner = process("TrainWorkChain", {"train": train}, chain)
    model, run = ModelData(model_contents(), {"name": "target"}), {"effective_batch": 32, "wall_seconds": 60.0}
    table = {"all": {"n_frames": 4, "rmse_energy": 0.1, "rmse_forces": 0.3, "mae_forces": 0.2, "p95_forces": 0.5}}
    record = {"history": HISTORY, "errors": {"test": table}, "run": run}
    training = orm.Dict(record | {"checks": [{"check": "e0s", "passed": True, "detail": "kept"}]})
    given = {"model": start, "train": train, "parameters": orm.Dict({"stage": {"lr": 0.001, "epochs": 2}})}
    job("TrainCalculation", given, {"model": model, "training": training}, inner)
    outputs: dict[str, orm.Data] = {"models__stage_1": model, "training__stage_1": training}
    for name, who, off in (("foundation", start, 0.4), ("stage_1", model, 0.1)):
        arrays, errors = predicted(test, off)
        job("EvaluateCalculation", {"model": who, "frames": test}, {"predictions": arrays, "errors": errors}, chain)
        outputs[f"errors__{name}"] = errors
    give(chain, outputs)
    return chain


def test_a_finetuning(run: Run, tmp_path: Path) -> None:
    chain = finetune()
    found = collect(chain)
    (stage,) = found.stages
    assert (stage.name, stage.level, stage.settings["lr"], stage.settings["n_train"]) == ("target", "PBE", 0.001, 6)
    assert found.forgetting is not None and found.forgetting.own == (1,)
    assert (found.forgetting.models, found.forgetting.sets) == (["small", "target"], ["target"])
    assert found.forgetting.rmse_forces == [[pytest.approx(0.4)], [pytest.approx(0.1)]]
    assert [(p.model, p.test, len(p.energy), len(p.forces)) for p in found.trained.parities] == [
        ("small", "target", 4, 48),
        ("target", "target", 4, 48),
    ]
    result = run("report", chain.pk, "-o", tmp_path / "page")
    assert result.exit_code == 0, result.output
    lines = [line.split() for line in result.stdout.splitlines()]
    assert ["target", "naive", "anew", "2", "0.001", "32", "24", "6", "1", "1", "of", "1"] in lines
    assert ["target", "100"] in lines and ["small", "400"] in lines
    assert {p.stem for p in (tmp_path / "page" / "figures").glob("*")} == {"training", "forgetting", "parity"}


def test_a_comparison(run: Run, tmp_path: Path) -> None:
    sets = {name: a_set() for name in ("target", "broad")}
    chain = process("CompareWorkChain", {f"tests__{name}": node for name, node in sets.items()})
    about, outputs = {}, {}
    for test in sets:
        for strategy, start, off in scores.MODELS:
            key = f"{strategy}_{start}_on_{test}" if start else f"{strategy}_on_{test}"
            about[key] = {"strategy": strategy, "start_model": start, "test": test}
            arrays, _ = predicted(sets[test], 0.01 * off)
            job("EvaluateCalculation", {"frames": sets[test]}, {"predictions": arrays}, chain)
            outputs[f"predictions__{key}"] = arrays
    table = orm.Dict({"rows": scores.rows()})
    maker = orm.CalcFunctionNode()
    maker.base.links.add_incoming(orm.Dict({"scores": about}).store(), LinkType.INPUT_CALC, "about")
    maker.base.links.add_incoming(chain, LinkType.CALL_CALC, "table")
    table.base.links.add_incoming(maker.store(), LinkType.CREATE, "result")
    give(chain, {"table": table.store(), "verdict": orm.Dict(scores.verdict()), **outputs})
    result = run("report", chain.pk, "-o", tmp_path / "page")
    assert result.exit_code == 0, result.output
    assert result.stdout.startswith("On target, the continual model from small has the lowest force RMSE, 40 meV/Å")
    lines = [line.split() for line in result.stdout.splitlines()]
    assert [
        "target",
        "continual",
        "small",
        "152",
        *["2", "*", "4", "*", "6", "*", "20", "*", "40", "*", "60", "*"],
    ] in lines
    assert ["target", "from", "scratch", "-", "152", "3", "6", "9", "30", "60", "90"] in lines
    parities = collect(chain).trained.parities
    assert [p.model.split("\n")[0] for p in parities[:4]] == ["zero-shot", "from scratch", "fine-tuned", "continual"]
    drawn = {path.stem for path in (tmp_path / "page" / "figures").glob("*")}
    assert drawn == {"comparison", "parity", "parity_2"}


def test_a_learning_curve(run: Run, tmp_path: Path) -> None:
    curve, test = scores.curve(), a_set()
    test.label = "gun test"
    chain = process("LearningCurveWorkChain", {"test": test})
    node = orm.Dict({"points": list(curve.points), "fits": dict(curve.fits), "seed_fits": dict(curve.seed_fits)})
    give(chain, {"curve": node})
    result = run("report", chain.pk, "-o", tmp_path / "page")
    assert result.exit_code == 0, result.output
    assert "to the power −0.50 ± 0.00" in result.stdout
    assert ["force", "MAE", "-0.5"] in [line.split()[:3] for line in result.stdout.splitlines()]
    assert (tmp_path / "page" / "figures" / "learning_curve.png").exists()


def test_a_committee(run: Run, tmp_path: Path) -> None:
    frames = a_set()
    chain = process("CommitteeWorkChain", {"frames__gun": frames})
    told = {one.quantity: dict(one.calibration) for one in scores.uncertainties() if one.stratum == "all"}
    row = {"n_frames": 4, "rmse_forces": 0.1, "mae_forces": 0.08, "rmse_energy": None}
    members = ["seed_24", "seed_25", "seed_26", "seed_27"]
    report = {"members": members, **told, "strata": {"gun": told}, "errors": {"committee": row, "seed_24": row}}
    held = frames.frames()
    arrays = orm.ArrayData({"energy_mean": held.energy + 0.1, "forces_mean": np.full((len(held.numbers), 3), 0.1)})
    give(chain, {"calibration__gun": orm.Dict(report), "disagreement__gun": arrays})
    result = run("report", chain.pk, "-o", tmp_path / "page")
    assert result.exit_code == 0, result.output
    assert "times what the committee of 4 predicts" in result.stdout
    assert "- A committee of 4 gives rough deviations" in result.stdout
    (one,) = collect(chain).trained.parities
    assert (one.model, len(one.forces)) == ("mean of 4 members", 48)
    figures = {path.stem for path in (tmp_path / "page" / "figures").glob("*")}
    assert figures == {"calibration", "comparison", "parity"}


def test_what_is_no_workflow_of_ours_is_refused(run: Run) -> None:
    result = run("report", process("PwBaseWorkChain", {}).pk)
    assert result.exit_code != 0 and "is a PwBaseWorkChain; a report is made of a curate, train, " in result.stderr
