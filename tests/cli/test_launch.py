"""``aiida-mlgun launch``: what reaches ``submit``, and what is refused before it does."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import ase.io
import pytest
import yaml
from aiida import orm
from aiida.common.exceptions import InvalidOperation
from aiida.engine import Process, ProcessBuilder, ProcessState
from aiida.engine.utils import instantiate_process
from aiida.manage import get_manager
from click.testing import Result

from aiida_mlgun.assets import slab
from aiida_mlgun.cli import launch
from aiida_mlgun.data.frames import FramesData
from aiida_mlgun.data.model import ModelData
from tests.nodes import acetylene, labelled, model_contents, slab_atoms

Run = Callable[..., Result]
Refusal = Callable[..., str]


@pytest.fixture
def submitted(monkeypatch: pytest.MonkeyPatch) -> list[Process]:
    """The processes that were submitted, with their inputs checked as ``submit`` checks them; none runs."""
    processes: list[Process] = []

    def submit(builder: ProcessBuilder) -> orm.ProcessNode:
        processes.append(instantiate_process(get_manager().get_runner(), builder))
        return processes[-1].node

    monkeypatch.setattr(launch, "submit", submit)
    return processes


@pytest.fixture
def model() -> ModelData:
    return ModelData(model_contents()).store()


@pytest.fixture
def wide_slab(tmp_path: Path) -> Path:
    path = tmp_path / "slab.extxyz"
    tall = slab_atoms().repeat((2, 2, 1))
    tall.center(vacuum=12.0, axis=2)
    ase.io.write(path, tall)
    return path


def write(path: Path, data: Any) -> Path:
    path.write_text(data if isinstance(data, str) else yaml.safe_dump(data))
    return path


def test_gun_takes_files_names_and_numbers(
    run: Run, submitted: list[Process], code: orm.Code, model: ModelData, wide_slab: Path, tmp_path: Path
) -> None:
    words = ["--model", model.pk, "--slab", wide_slab, "--molecule", "C2H2", "--code", code.pk, "--protocol", "fast"]
    scheduler = write(tmp_path / "options.yaml", {"resources": {"num_machines": 2}})
    result = run("launch", "gun", *words, "--n-shots", 3, "--seed", 11, "--options", scheduler)
    assert result.exit_code == 0, result.output
    (process,) = submitted
    parameters = process.inputs.parameters.get_dict()
    assert (parameters["n_shots"], parameters["seed"], parameters["shots_per_job"]) == (3, 11, 12)
    assert process.inputs.options.get_dict() == {"resources": {"num_machines": 2}}
    assert process.inputs.slab.pbc == (True, True, True)
    assert process.inputs.molecule.get_formula() == "C2H2"
    assert f"GunWorkChain<{process.pid}>" in result.output
    assert f"aiida-mlgun report {process.pid}" in result.output


def test_gun_takes_a_chemistry_beside_other_overrides(
    run: Run, submitted: list[Process], code: orm.Code, model: ModelData, wide_slab: Path, tmp_path: Path
) -> None:
    words = ["--model", model.pk, "--slab", wide_slab, "--molecule", "C2H2", "--code", code.pk, "--protocol", "fast"]
    rows = [{"name": "any", "productive": True, "description": "all"}]
    file = write(tmp_path / "mine.yaml", {"source": "ours", "catalogue": rows})
    overrides = write(tmp_path / "overrides.yaml", {"chemistry": {"groups": [{"name": "C", "atoms": [0]}]}})
    result = run("launch", "gun", *words, "--chemistry", file, "--overrides", overrides)
    assert result.exit_code == 0, result.output
    chemistry = submitted[0].inputs.parameters["chemistry"]
    assert (chemistry["source"], [row["name"] for row in chemistry["catalogue"]]) == ("ours", ["any"])
    assert [group["name"] for group in chemistry["groups"]] == ["C"]


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        (
            {"--chemistry": "copper"},
            "no chemistry file 'copper'. Shipped are si001_alkyne, perovskite; else give a path.",
        ),
        ({"--chemistry": "perovskite"}, "none of the patterns of reactive groups matches the molecule"),
        ({"--molecule": "C2H7"}, "C2H7: there is no such file, and it is no PK; the molecule is one of these."),
        ({"--molecule": "H2O"}, "no double or triple bond between carbons was found in the molecule"),
        ({"--molecule": 999999}, "999999"),
        ({"--slab": "nowhere.xyz"}, "nowhere.xyz: there is no such file, and it is no PK"),
        ({"--slab": slab()}, "the cell is too narrow"),
        ({"--protocol": "quick"}, "unknown protocol 'quick'. Known: fast, balanced, stringent, paper."),
        ({"--overrides": {"n_shot": 3}}, "gun: unknown key 'n_shot'."),
        (
            {"--overrides": {"aim": {"height": 7.0}, "decision": {"leave_height": 9.0}}},
            "aim.height (7.0 Å) must exceed",
        ),
        ({"--overrides": {"aim": {"height": 1.0}, "decision": {"early": False}}}, "it would start inside the slab."),
        ({"--overrides": {"fixed_layers": 30}}, "fixed_layers is 30, and the slab has"),
        ({"--overrides": {"equilibrate": {"seed": 3}}}, "equilibrate.seed is the campaign's own"),
        ({"--overrides": "[1, 2]"}, "a mapping is needed."),
        ({"--overrides": "a: ["}, "not YAML ("),
    ],
)
def test_gun_refuses_before_submission(
    changes: dict[str, Any],
    words: str,
    refusal: Refusal,
    submitted: list[Process],
    code: orm.Code,
    model: ModelData,
    wide_slab: Path,
    tmp_path: Path,
) -> None:
    options: dict[str, Any] = {"--model": model.pk, "--slab": wide_slab, "--molecule": "C2H2", "--code": code.pk}
    options |= {"--protocol": "fast", **changes}
    if "--overrides" in options:
        options["--overrides"] = write(tmp_path / "overrides.yaml", options["--overrides"])
    sentence = refusal("launch", "gun", *(word for pair in options.items() for word in pair))
    assert words in sentence
    assert "validating port" not in sentence
    assert submitted == []


def test_gun_wants_structures_that_are_structures(
    refusal: Refusal, submitted: list[Process], code: orm.Code, model: ModelData, wide_slab: Path, tmp_path: Path
) -> None:
    number = orm.Int(3).store()
    empty = write(tmp_path / "empty.extxyz", "")
    common = ("launch", "gun", "--model", model.pk, "--code", code.pk, "--molecule")
    assert f"the node {number.pk} is a Int; the molecule is a StructureData." in refusal(
        *common, number.pk, "--slab", wide_slab
    )
    assert "the file holds no structure." in refusal(*common, "C2H2", "--slab", empty)
    text = write(tmp_path / "text.extxyz", "two\nno structure\n")
    assert "ASE cannot read the slab" in refusal(*common, "C2H2", "--slab", text)
    bare = write(tmp_path / "bare.xyz", "1\n\nSi 0 0 0\n")
    assert "a slab needs a cell of three vectors" in refusal(*common, "C2H2", "--slab", bare)
    assert submitted == []


def test_no_daemon_is_one_sentence(
    refusal: Refusal, monkeypatch: pytest.MonkeyPatch, code: orm.Code, model: ModelData, wide_slab: Path
) -> None:
    def submit(_: ProcessBuilder) -> None:
        raise InvalidOperation("Cannot submit because the daemon is not running.")

    monkeypatch.setattr(launch, "submit", submit)
    words = ["--model", model.pk, "--slab", wide_slab, "--molecule", "C2H2", "--code", code.pk]
    assert refusal("launch", "gun", *words) == "Cannot submit because the daemon is not running."


def test_curate(run: Run, refusal: Refusal, submitted: list[Process], code: orm.Code) -> None:
    one, other = FramesData(labelled(acetylene())).store(), FramesData(labelled(acetylene(), level="GFN1")).store()
    result = run("launch", "curate", one.pk, "--code", code.pk, "--protocol", "paper")
    assert result.exit_code == 0, result.output
    assert submitted[0].inputs.parameters["keep_every"] == 25
    assert list(submitted[0].inputs.frames) == ["set_000"]
    sentence = refusal("launch", "curate", one.pk, other.pk, "--code", code.pk)
    assert sentence.startswith("the sets are of different levels of theory (GFN1; PBE): do not mix them, or set")
    assert len(submitted) == 1


def test_gun_until_it_is_known(
    run: Run, submitted: list[Process], code: orm.Code, model: ModelData, wide_slab: Path
) -> None:
    words = ["--model", model.pk, "--slab", wide_slab, "--molecule", "C2H2", "--code", code.pk, "--protocol", "fast"]
    asked = ["--precision", 0.05, "--watch", "intact", "--watch", "double", "--max-hours", 3, "--jobs-at-once", 7]
    result = run("launch", "gun", *words, *asked, "--clean")
    assert result.exit_code == 0, result.output
    inputs = submitted[0].inputs
    parameters = inputs.parameters.get_dict()
    assert parameters["precision"] == {
        "half_width": 0.05,
        "watched": ["intact", "double"],
        "alpha": 0.05,
        "tuned_for": None,
    }
    assert (parameters["max_hours"], parameters["jobs_at_once"], inputs.clean_workdir.value) == (3.0, 7, True)


@pytest.mark.parametrize(
    ("words", "sentence"),
    [
        (["--slab", "x", "--molecule", "C2H2"], "--model is missing; give it, or a campaign to --extend."),
        (["--model", "{model}"], "--slab is missing; give it, or a campaign to --extend."),
        (["--watch", "intact"], "--watch goes with --precision."),
        (["--extend", "{gun}", "--molecule", "C2H2"], "--molecule: --extend takes it from <"),
        (["--extend", "{gun}", "--protocol", "fast"], "--protocol: --extend takes it from <"),
        (["--extend", "{other}"], "is a TrainWorkChain, no campaign to extend."),
        (["--extend", "{gun}"], "still runs. Wait for its end, or kill it: its shots can be used all the same."),
        (["--extend", "{ended}"], "ended before it had slab_states and molecule_states: nothing can be taken over"),
        (["--extend", "{gun}", "--precision", "5"], "still runs."),
    ],
)
def test_gun_options_that_do_not_fit(
    words: list[str], sentence: str, refusal: Refusal, submitted: list[Process], code: orm.Code, model: ModelData
) -> None:
    def process(label: str, state: ProcessState) -> int:
        node = orm.WorkChainNode()
        node.set_process_label(label)
        node.set_process_state(state)
        pk: int = node.store().pk
        return pk

    known = {"model": model.pk, "gun": process("GunWorkChain", ProcessState.WAITING)}
    known |= {"other": process("TrainWorkChain", ProcessState.FINISHED)}
    known |= {"ended": process("GunWorkChain", ProcessState.KILLED)}
    assert sentence in refusal("launch", "gun", "--code", code.pk, *(word.format(**known) for word in words))
    assert submitted == []


def test_finetune(run: Run, submitted: list[Process], code: orm.Code, model: ModelData) -> None:
    frames = FramesData(labelled(acetylene())).store().pk
    words = [
        "--model",
        model.pk,
        "--code",
        code.pk,
        "--stage",
        f"{frames},{frames}",
        "--stage",
        f"{frames},{frames},{frames}",
    ]
    result = run("launch", "finetune", *words, "--protocol", "fast")
    assert result.exit_code == 0, result.output
    stages = submitted[0].inputs.stages
    assert (sorted(stages), "test" in stages["stage_1"], "test" in stages["stage_2"]) == (
        ["stage_1", "stage_2"],
        False,
        True,
    )


@pytest.mark.parametrize(
    ("stage", "words"),
    [
        ("one,two", "--stage one,two: PKs are needed, as in --stage 12,13,14 or --stage 20."),
        ("{frames}", "give train,validation or train,validation,test."),
        ("{frames},{frames},{frames},{frames}", "give train,validation or train,validation,test."),
        ("{frames},{number}", "finetune: the stage 'stage_1' needs `validation` (FramesData)."),
        ("{frames},{frames},{number}", "finetune: the stage 'stage_1' takes as `test` a FramesData."),
        ("{frames},{bare}", "the validation set of stage_1 has no energy and no forces"),
        ("{frames},888888", "888888"),
    ],
)
def test_finetune_stages_that_are_none(
    stage: str, words: str, refusal: Refusal, submitted: list[Process], code: orm.Code, model: ModelData
) -> None:
    from tests.nodes import states

    frames, bare = FramesData(labelled(acetylene())).store(), FramesData(states(acetylene())).store()
    text = stage.format(frames=frames.pk, bare=bare.pk, number=orm.Int(3).store().pk)
    assert words in refusal("launch", "finetune", "--model", model.pk, "--code", code.pk, "--stage", text)
    assert submitted == []


def test_finetune_methods_replay_limits_and_probe(
    run: Run, submitted: list[Process], code: orm.Code, model: ModelData
) -> None:
    frames = FramesData(labelled(acetylene())).store()
    words = ["--model", model.pk, "--code", code.pk, "--protocol", "fast", "--probe"]
    words += ["--stage", f"{frames.pk},{frames.pk},{frames.pk}", "--stage", f"{frames.pk},{frames.pk}"]
    words += ["--method", "frozen-products", "--method", "replay", "--replay", frames.pk]
    result = run("launch", "finetune", *words, "--forgetting", "rmse_forces=1.5", "--forgetting", "mae_energy=2")
    assert result.exit_code == 0, result.output
    inputs = submitted[0].inputs
    stages = [inputs.stages[name]["parameters"]["stage"] for name in ("stage_1", "stage_2")]
    assert [(stage["method"], stage.get("freeze")) for stage in stages] == [("frozen", "products"), ("replay", None)]
    assert inputs.stages["stage_2"]["replay"].pk == frames.pk
    assert "replay" not in inputs.stages["stage_1"]
    assert inputs.limits.get_dict() == {"forgetting": {"rmse_forces": 1.5, "mae_energy": 2.0}}
    assert inputs.probe.value is True


@pytest.mark.parametrize(
    ("more", "words"),
    [
        (["--method", "naive", "--method", "naive"], "--method is given 2 times, and there are 1 stages"),
        (["--replay", "{frames}"], "--replay is given 1 times, and there are 0 stages with --method replay"),
        (["--method", "replay"], "the method of stage_1 is 'replay': give the frames to replay"),
        (["--forgetting", "rmse_forces"], "an error's name and a ratio are needed: rmse_forces=1.5."),
        (["--forgetting", "rmse_forces=2"], "limits.forgetting needs a stage with a test set before the last stage."),
        (["--forgetting", "rmse=2"], "unknown error 'rmse'"),
    ],
)
def test_finetune_options_that_do_not_fit(
    more: list[str], words: str, refusal: Refusal, submitted: list[Process], code: orm.Code, model: ModelData
) -> None:
    pk = FramesData(labelled(acetylene())).store().pk
    given = ["--model", model.pk, "--code", code.pk, "--protocol", "fast", "--stage", f"{pk},{pk}"]
    assert words in refusal("launch", "finetune", *given, *(word.format(frames=pk) for word in more))
    assert submitted == []
