"""The command line against MACE's own parser: nothing that acts on a model is left to a default."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from mace.tools import build_default_arg_parser

from aiida_mlgun.contract.training import Architecture, Stage
from aiida_mlgun.remote.mace import command, methods

WORK = Path("/work-of-a-job")
E0S = {1: -13.6, 6: -1030.0}

#: Options that are not stated, and why none of them acts here.
SILENT = {
    **dict.fromkeys(("config", "log_dir", "model_dir", "checkpoints_dir", "results_dir", "downloads_dir"), "paths"),
    **dict.fromkeys(("wandb", "wandb_dir", "wandb_project", "wandb_entity", "wandb_name", "wandb_log_hypers"), "off"),
    **dict.fromkeys(("distributed", "launcher"), "given by who starts the processes"),
    **dict.fromkeys(("restart_latest", "keep_checkpoints", "save_all_checkpoints"), "the package keeps its own"),
    **dict.fromkeys(("save_cpu", "dry_run", "plot_interaction_e"), "flags that are off"),
    **dict.fromkeys(("swa", "start_swa", "lbfgs", "ema"), "flags that are off unless asked for"),
    **dict.fromkeys(
        ("swa_forces_weight", "swa_energy_weight", "swa_virials_weight", "swa_stress_weight", "swa_dipole_weight"),
        "of MACE's stage two, which is off",
    ),
    **dict.fromkeys(("swa_polarizability_weight", "swa_lr"), "of MACE's stage two, which is off"),
    "ema_decay": "given with ema",
    **dict.fromkeys(("beta1_schedulefree", "beta2_schedulefree"), "of another optimiser"),
    **dict.fromkeys(("valid_fraction", "test_file", "test_dir", "multi_processed_test"), "validation is a file"),
    **dict.fromkeys(("atomic_numbers", "mean", "std", "statistics_file", "avg_num_neighbors"), "counted from frames"),
    **dict.fromkeys(
        ("pt_train_file", "pt_valid_file", "num_samples_pt", "subselect_pt", "filter_type_pt"),
        "of multiheads_finetuning, which is off: replay is two named heads",
    ),
    "allow_random_padding_pt": "of multiheads_finetuning, which is off",
    "pseudolabel_replay_compute_stress": "of pseudolabel_replay, which is off",
    "foundation_head": "the parent has one head when MACE gets it",
    "foundation_model_readout": "parsed by MACE and never read",
    **dict.fromkeys(("les_arguments", "embedding_specs", "edge_irreps", "pair_repulsion"), "off"),
    **dict.fromkeys(("num_channels", "max_L"), "follow from hidden_irreps"),
    **dict.fromkeys(("heads",), "given for replay"),
    **dict.fromkeys(("compute_polarizability", "compute_atomic_dipole"), "of other kinds of model"),
    **dict.fromkeys(("dipole_weight", "polarizability_weight"), "of other kinds of model"),
    **dict.fromkeys(("dipole_key", "polarizability_key", "charges_key", "elec_temp_key"), "of other labels"),
    **dict.fromkeys(("total_spin_key", "total_charge_key"), "of other labels"),
    **dict.fromkeys(
        (
            *("kspace_cutoff_factor", "atomic_multipoles_max_l", "atomic_multipoles_smearing_width"),
            *("field_feature_max_l", "field_feature_widths", "field_feature_norms", "num_recursion_steps", "field_si"),
            *("include_electrostatic_self_interaction", "add_local_electron_energy", "quadrupole_feature_corrections"),
            *("return_electrostatic_potentials", "field_norm_factor", "fixedpoint_update_config"),
            "field_readout_config",
        ),
        "of PolarMACE",
    ),
}
SHAPE = ("r_max", "hidden_irreps", "max_ell", "num_interactions", "correlation", "num_radial_basis")
SHAPE += ("radial_MLP", "MLP_irreps")
FOUNDATION = ("foundation_model", "foundation_model_elements", "foundation_filter_elements")


def told(stage: Stage, architecture: Architecture | None = None, **more: Any) -> list[str]:
    parent = None if architecture else WORK / "parent.model"
    return command.arguments(WORK, stage, E0S, "cpu", architecture, parent, **more)


def parsed(*args: Any, **more: Any) -> dict[str, Any]:
    return vars(build_default_arg_parser().parse_args(told(*args, **more)))


def stated(argv: list[str]) -> set[str]:
    return {word.removeprefix("--").partition("=")[0] for word in argv}


@pytest.mark.parametrize("architecture", [None, Architecture()], ids=["parent", "scratch"])
def test_every_option_of_mace_is_stated_or_known_to_be_without_effect(architecture: Architecture | None) -> None:
    known = {action.dest for action in build_default_arg_parser()._actions} - {"help"}
    other = FOUNDATION if architecture else SHAPE  # the shape comes from the parent, or there is none
    assert known - stated(told(Stage(), architecture)) - set(SILENT) == set(other)
    assert not stated(told(Stage(), architecture)) & set(SILENT)
    assert stated(told(Stage(), architecture)) <= known


def test_the_defaults_of_a_stage_are_the_command_of_the_paper() -> None:
    """Weiske et al. 2026, section 2.3: naive, readouts anew, MSE 1:100, lr 0.001, 100 epochs, batch 16, seed 24."""
    found = parsed(Stage(elements="training"))
    asked = {
        "foundation_model": str(WORK / "parent.model"),
        "multiheads_finetuning": False,
        "foundation_filter_elements": False,
        "foundation_model_elements": False,
        "E0s": repr(E0S),
        "loss": "weighted",
        "energy_weight": 1.0,
        "forces_weight": 100.0,
        "lr": 0.001,
        "max_num_epochs": 100,
        "batch_size": 16,
        "seed": 24,
    }
    assert {key: found[key] for key in asked} == asked


def test_what_the_paper_leaves_to_mace_is_mace_s_default() -> None:
    """All else at MACE's defaults [W]: what is stated beyond the recipe is what MACE would do, but for these."""
    recipe = {"multiheads_finetuning", "foundation_filter_elements", "foundation_model", "E0s", "lr", "batch_size"}
    recipe |= {"max_num_epochs", "seed", "name", "work_dir", "train_file", "valid_file"}
    # without effect on a model that is fine-tuned by energies and forces, one head, on a CPU
    harmless = {"model", "plot", "plot_frequency", "pin_memory", "valid_batch_size", "patience", "skip_evaluate_heads"}
    harmless |= {"force_mh_ft_lr", "real_pt_data_ratio_threshold", "stress_weight", "virials_weight", "freeze"}
    harmless |= {"lr_scheduler_gamma", "config_type_weights"}
    parser = build_default_arg_parser()
    found = parsed(Stage(elements="training"))
    other = {key for key in stated(told(Stage())) if found[key] != parser.get_default(key)}
    assert other <= recipe | harmless
    assert json.loads(found["config_type_weights"]) == json.loads(parser.get_default("config_type_weights"))
    assert json.loads(found["lr_params_factors"]) == json.loads(parser.get_default("lr_params_factors"))


@pytest.mark.parametrize(
    ("settings", "expected"),
    [
        ({"readout": "keep"}, {"foundation_filter_elements": True, "freeze": 0, "lora": False}),
        ({"method": "frozen", "freeze": "embedding"}, {"freeze": 1}),
        ({"method": "frozen", "freeze": "interactions"}, {"freeze": 5}),
        ({"method": "frozen", "freeze": "products"}, {"freeze": 6}),
        ({"method": "lora", "readout": "keep", "lora_rank": 2, "lora_alpha": 3.0}, {"lora": True, "lora_rank": 2}),
        ({"scheduler": "exponential", "scheduler_gamma": 0.9}, {"scheduler": "ExponentialLR"}),
        ({"plateau_factor": 0.5, "plateau_patience": 7}, {"lr_factor": 0.5, "scheduler_patience": 7}),
        ({"ema_decay": 0.9}, {"ema": True, "ema_decay": 0.9}),
        ({"loss": "universal", "huber_delta": 0.02}, {"loss": "universal", "huber_delta": 0.02}),
    ],
)
def test_a_setting_becomes_mace_s_option(settings: dict[str, Any], expected: dict[str, Any]) -> None:
    found = parsed(Stage(**settings))
    assert {key: found[key] for key in expected} == expected


def test_replay_is_two_named_heads_each_with_its_own_reference_energies() -> None:
    argv = told(Stage(method="replay", replay_weight=2.0), replay_e0s={1: -13.0, 6: -1000.0}, neighbours=9.5)
    found = vars(build_default_arg_parser().parse_args(argv))
    assert found["multiheads_finetuning"] is False
    heads = eval(found["heads"], {})
    assert list(heads) == [methods.HEAD, methods.REPLAY_HEAD]
    assert heads["Default"]["E0s"] == repr(E0S)
    assert heads["pt_head"]["E0s"] == repr({1: -13.0, 6: -1000.0})
    assert heads["pt_head"]["avg_num_neighbors"] == 9.5


def test_a_smaller_batch_is_said_to_mace() -> None:
    assert parsed(Stage(), batch_size=2)["batch_size"] == 2


def test_the_history_counts_a_repeated_epoch_once_and_tells_heads_apart(tmp_path: Path) -> None:
    rows = [
        {"mode": "eval", "epoch": None, "head": "Default", "loss": 9.0},
        {"mode": "eval", "epoch": 0, "head": "pt_head", "loss": 5.0, "rmse_e_per_atom": 0.5, "rmse_f": 1.0},
        {"mode": "eval", "epoch": 0, "head": "Default", "loss": 3.0, "rmse_e_per_atom": 0.1, "rmse_f": 0.2},
        {"mode": "opt", "epoch": 1, "loss": 4.0},
        {"mode": "eval", "epoch": 1, "head": "Default", "loss": 2.5, "rmse_e_per_atom": 0.1, "rmse_f": 0.2},
        {"mode": "eval", "epoch": 1, "head": "Default", "loss": 2.0, "rmse_e_per_atom": 0.1, "rmse_f": None},
    ]
    results = tmp_path / "results.txt"
    results.write_text("".join(json.dumps(row) + "\n" for row in rows))
    columns = command.history(results)
    assert columns["epoch"] == [0.0, 1.0]
    assert columns["loss"] == [3.0, 2.0]
    assert columns["rmse_forces"] == [0.2, None]
    assert columns["replay_loss"] == [5.0, None]
