"""Real shots of the shipped model, judged by other catalogues with provenance; the table of all shots shows them."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from aiida import orm
from aiida.plugins import CalculationFactory
from ase.build import molecule
from click.testing import CliRunner

from aiida_mlgun import query_shots
from aiida_mlgun.cli import cli
from aiida_mlgun.cli.collect import collect
from aiida_mlgun.contract import files
from aiida_mlgun.contract.errors import RefusedError
from aiida_mlgun.data.frames import FramesData
from aiida_mlgun.data.model import ModelData
from aiida_mlgun.data.shots import ShotsData
from aiida_mlgun.queries.batches import all_batches
from aiida_mlgun.queries.facts import catalogues_of
from aiida_mlgun.science.frames import from_arrays
from aiida_mlgun.science.npz import unpack
from aiida_mlgun.science.shot_arrays import paths
from aiida_mlgun.workflows.functions.reclassify import (
    flight_of,
    flown_batch,
    judge_batch,
    judge_campaign,
    reclassify,
)
from tests.campaigns import give, hand_out, process
from tests.nodes import model_contents, slab_atoms

STATES = ("slab_states", "molecule_states")
#: Six shots of C2H4 with 0.8 eV at Si(001) 2×2 by the shipped compact model: four outcomes and an undecided one.
SHOTS = Path(__file__).parents[1] / "fixtures" / "si001_2x2_c2h4_shots"
STUCK = """
source: a test
catalogue:
- {name: stuck, productive: true, description: any bond, when: {bound: true}}
- {name: gone, productive: false, description: none}
"""
#: Hydrogens that touch the slab would count: the bond rule of the dynamics cannot tell.
TIGHT = STUCK + "bonds: {make: 1.15, break_: 1.35}\n"
PLAIN = ("outcome", "group", "site", "reason", "event_text")


@dataclass(frozen=True)
class Flown:
    """Six real shots of one campaign."""

    gun: orm.WorkChainNode
    batch: ShotsData


def fly(without: tuple[str, ...] = ()) -> Flown:
    """The campaign in the profile; ``without``: ``frames``, ``paths``: as if they had not been kept."""
    slab, gas = orm.StructureData(ase=slab_atoms()), orm.StructureData(ase=molecule("C2H4"))
    model = ModelData(model_contents(), {"name": "compact"})
    parameters = orm.Dict(json.loads((SHOTS / "job.json").read_text()))
    gun = process(
        orm.WorkChainNode, "GunWorkChain", {"model": model, "slab": slab, "molecule": gas, "parameters": parameters}
    )
    states = {name: from_arrays(unpack((SHOTS / f"{name}.npz").read_bytes())) for name in STATES}
    inputs = {"model": model, "parameters": parameters, **{name: FramesData(held) for name, held in states.items()}}
    job = process(orm.CalcJobNode, "ShootCalculation", inputs, gun)
    arrays = unpack((SHOTS / files.SHOTS).read_bytes())
    if "frames" in without:
        arrays |= {name: arrays[name][:0] for name in ("positions", "velocities")}
        arrays["final_offsets"] = np.zeros_like(arrays["final_offsets"])
    batch = ShotsData(arrays, None if "paths" in without else (SHOTS / files.TRAJECTORIES).read_bytes())
    give(job, shots=batch)
    hand_out(gun, shots__batch_0000=batch)
    return Flown(gun, batch)


@pytest.fixture
def flown(aiida_profile_clean: Any) -> Flown:
    return fly()


@pytest.fixture
def stuck(tmp_path: Path) -> Path:
    path = tmp_path / "stuck.yaml"
    path.write_text(STUCK)
    return path


@pytest.fixture
def tight(tmp_path: Path) -> Path:
    path = tmp_path / "tight.yaml"
    path.write_text(TIGHT)
    return path


def test_the_same_catalogue_gives_the_same_table(flown: Flown) -> None:
    batch = flown.batch
    assert set(batch.counts) == {"bridge C0C1", "intact", "on_top C0C1", "sublayer", "undecided"}
    judged = CalculationFactory("mlgun.reclassify")(batch, orm.Dict({}), **flight_of(batch))
    old, new = batch.arrays(), judged.arrays()
    for name in (*PLAIN, "event_time", "bond_fs", "min_height", "path", "positions", "drift"):
        np.testing.assert_array_equal(old[name], new[name], err_msg=name)
    assert set(new["judged_from"]) == {"time line"}
    assert judged.trajectories().keys() == batch.trajectories().keys() != set()
    assert flown_batch(judged).pk == batch.pk and judged.creator.inputs.shots.pk == batch.pk


def test_a_catalogue_alone_needs_no_frames(aiida_profile_clean: Any, stuck: Path, tight: Path) -> None:
    bare = fly(without=("frames", "paths"))
    judged = judge_batch(bare.batch, stuck)
    bound = ~np.isin(bare.batch.arrays()["outcome"], ["intact", "undecided"])
    assert (judged.arrays()["outcome"] == "stuck").tolist() == bound.tolist()
    with pytest.raises(
        RefusedError, match=r"of shots 0, 1, 2, 3, 4, 5 \(.*\) neither a last frame nor a path was kept"
    ):
        judge_batch(bare.batch, tight)


def test_another_bond_rule_reads_the_paths_else_the_last_frames(aiida_profile_clean: Any, tight: Path) -> None:
    whole = judge_batch(fly().batch, tight).arrays()
    assert set(whole["judged_from"]) == {"path"}
    ends = judge_batch(fly(without=("paths",)).batch, tight).arrays()
    assert set(ends["judged_from"]) == {"last frame"}
    assert np.isnan(ends["bond_fs"]).all() and set(ends["event_text"]) <= {"contact", "left"}
    told = whole["outcome"] != "undecided"
    assert set(whole["outcome"]) <= {"stuck", "gone", "undecided"} and told.any()


def test_other_groups_have_paths_of_their_own(aiida_profile_clean: Any) -> None:
    one = {"groups": [{"name": "C", "atoms": [0]}]}
    batch = fly().batch
    new = judge_batch(batch, one).arrays()
    kept = [batch.trajectory(shot) for shot in range(6)]
    for (times, positions), path, lowest in zip(kept, paths(new), new["min_height"], strict=True):
        np.testing.assert_allclose(path.time_fs, times, atol=1e-3)
        np.testing.assert_allclose(path.points[:, 0, :2], positions[:, 24, :2], atol=1.1e-3)
        assert lowest == pytest.approx(positions[:, 24, 2].min() - float(new["surface_z"]), abs=1e-2)
    bare = judge_batch(fly(without=("paths",)).batch, one).arrays()
    assert np.isnan(bare["min_height"]).all() and [len(path.time_fs) for path in paths(bare)] == [0] * 6


def test_a_campaign_is_judged_as_a_whole_and_reported_on(flown: Flown, stuck: Path) -> None:
    judged = judge_campaign(flown.gun, stuck)
    assert judged.is_finished_ok and list(judged.outputs.shots) == ["batch_0000"]
    summary = judged.outputs.summary
    n_stuck = sum(table.counts.get("stuck", 0) for table in judged.outputs.shots.values())
    assert summary["n_shots"] == 6 and summary["n_bound"] == n_stuck > 0
    report = collect(judged)
    assert report.ensemble is not None and report.ensemble.order[:2] == ["stuck", "gone"]
    assert sum(outcome == "stuck" for outcome in report.ensemble.outcomes) == n_stuck
    again = judge_campaign(judged, stuck)  # of a judgement: from the flight, not from the judgement
    assert [flown_batch(table).pk for table in again.outputs.shots.values()] == [flown.batch.pk]
    assert again.called[0].inputs.shots.pk == flown.batch.pk


def test_the_query_knows_both_judgements(flown: Flown, stuck: Path) -> None:
    first = query_shots()["outcome"].tolist()
    judged = judge_campaign(flown.gun, stuck)
    latest = query_shots(campaign=flown.gun.pk)
    assert set(latest["outcome"]) <= {"stuck", "gone", "undecided"} and len(latest) == 6
    assert set(latest["campaign"]) == {flown.gun.pk} and flown.batch.pk not in set(latest["batch"])
    assert query_shots(judged="first")["outcome"].tolist() == first
    both = query_shots(judged="all")
    assert len(both) == 12 and both.groupby("shot")["catalogue"].nunique().tolist() == [2] * 6
    other = judge_batch(flown.batch, {"groups": [{"name": "C", "atoms": [0]}]})
    assert set(query_shots(campaign=judged.pk)["outcome"]) == set(latest["outcome"])
    assert query_shots(campaign=judged.pk)["batch"].tolist() == [judged.outputs.shots["batch_0000"].pk] * 6
    assert query_shots(campaign=flown.gun.pk)["batch"].tolist() == [other.pk] * 6


def test_the_hash_is_of_the_new_chemistry(flown: Flown, stuck: Path) -> None:
    judge_batch(flown.batch, stuck)
    found = catalogues_of(all_batches())
    assert len(found) == 2 and len(set(found.values())) == 2


def test_the_command_shows_who_went_where(flown: Flown, stuck: Path) -> None:
    done = CliRunner().invoke(cli, ["shots", "reclassify", str(flown.gun.pk), "--catalogue", str(stuck)])
    assert done.exit_code == 0, done.output
    assert "5 of 6 shots are called otherwise than before. Judged from: time line 6." in done.stdout
    assert "was \\ is" in done.stdout and "sticking" in done.stdout and "aiida-mlgun report" in done.stdout
    one = CliRunner().invoke(
        cli, ["shots", "reclassify", flown.batch.uuid, "--catalogue", str(stuck), "--format", "json"]
    )
    assert one.exit_code == 0 and '"process": null' in one.stdout and '"before"' in one.stdout


def test_refusals_are_one_sentence(flown: Flown, stuck: Path) -> None:
    def refused(node: object, catalogue: object = stuck) -> str:
        done = CliRunner().invoke(cli, ["shots", "reclassify", str(node), "--catalogue", str(catalogue)])
        assert done.exit_code != 0 and isinstance(done.exception, SystemExit), done.output
        return done.stderr.removeprefix("Critical: ").strip()

    assert refused(10**6) == "1000000: there is no such node; give the PK or UUID of a campaign or of a batch."
    assert "is a Dict" in refused(flown.gun.inputs.parameters.pk)
    assert "is no campaign with shots" in refused(flown.batch.creator.pk)
    assert "no chemistry file 'nowhere.yaml'" in refused(flown.gun.pk, "nowhere.yaml")
    assert "none of the patterns" in refused(flown.gun.pk, "perovskite")
    orphan = ShotsData(flown.batch.arrays()).store()
    assert "the job that flew the shots" in refused(orphan.pk)


def test_start_states_of_other_atoms_are_refused(flown: Flown, make_frames: Callable[..., Any]) -> None:
    given = flight_of(flown.batch) | {"molecule_states": FramesData(make_frames(3)).store()}
    with pytest.raises(RefusedError, match="their atoms differ"):
        reclassify(flown.batch, orm.Dict({}), **given)
