from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from aiida import orm
from aiida.common.links import LinkType

from aiida_mlgun.contract.errors import RefusedError
from aiida_mlgun.data.frames import FramesData
from aiida_mlgun.data.shots import ShotsData
from aiida_mlgun.science.frames import concatenate
from aiida_mlgun.science.npz import pack
from aiida_mlgun.workflows.functions.campaign import summarise
from aiida_mlgun.workflows.functions.frames import merge_for_scoring, merge_raw
from aiida_mlgun.workflows.functions.shots import extract_shot
from tests.nodes import acetylene, chemistry, kept_paths, labelled, shot_arrays


def parameters(n_shots: int = 6) -> orm.Dict:
    return orm.Dict({"n_shots": n_shots, "chemistry": chemistry()})


def test_a_summary_counts_all_batches() -> None:
    batches = {"batch_0000": ShotsData(shot_arrays((0, 1, 2))), "batch_0001": ShotsData(shot_arrays((3, 4), "double"))}
    summary = summarise(parameters(6), **batches)
    get = summary.get_dict()
    assert (get["n_shots"], get["n_asked"], get["n_bound"], get["undecided"]) == (5, 6, 3, 0)
    counts = {row["mode"]: row["n"] for row in get["table"]}
    assert {name: n for name, n in counts.items() if n} == {"on_top CC": 2, "double": 1, "intact": 2}
    assert sum(row["p"] for row in get["table"]) == pytest.approx(1.0)
    assert all(row["low"] <= row["p"] <= row["high"] for row in get["table"])
    assert get["sticking"]["p"] == pytest.approx(0.6)
    assert 0 < get["sticking"]["low"] < 0.6 < get["sticking"]["high"] < 1
    assert get["median_abs_drift"] == pytest.approx(0.01)
    assert set(summary.creator.inputs) == {"parameters", *batches}


def test_undecided_shots_are_counted_apart() -> None:
    get = summarise(parameters(), a=ShotsData(shot_arrays((0, 1, 2), "undecided"))).get_dict()
    assert (get["undecided"], get["n_bound"]) == (2, 0)


def test_a_shot_counts_once() -> None:
    batches = {"a": ShotsData(shot_arrays((0, 1))), "b": ShotsData(shot_arrays((1, 2)))}
    with pytest.raises(RefusedError, match="two batches hold the same shot: each shot may count once"):
        summarise(parameters(), **batches)


def test_shots_without_drift_do_not_spoil_the_summary() -> None:
    torn = {"a": ShotsData(shot_arrays((0, 1), "explosion", drift=float("nan")))}
    get = summarise(parameters(), **torn).get_dict()
    assert (get["median_abs_drift"], get["max_abs_drift"], get["n_bound"]) == (None, None, 0)
    mixed = torn | {"b": ShotsData(shot_arrays((2, 3), drift=-0.5))}
    assert summarise(parameters(), **mixed)["max_abs_drift"] == pytest.approx(0.5)


def test_a_shot_comes_out_with_its_provenance() -> None:
    shots = ShotsData(shot_arrays((7, 8))).store()
    found = extract_shot(shots, orm.Int(8))
    assert isinstance(found, FramesData)
    frames = found.frames()
    assert (len(frames), frames.tag("run").tolist(), frames.tag("step").tolist()) == (1, ["8"], ["20.0"])
    assert frames.tag("stratum").tolist() == ["intact"]
    assert frames.velocities is not None
    assert np.allclose(frames.velocities, 1e-3)
    assert np.allclose(frames.positions, shots.arrays()["positions"][1])
    assert found.base.attributes.get("source") == {"shots": shots.uuid, "shot": 8}
    assert found.creator.process_type == "aiida.calculations:mlgun.extract_shot"
    links = found.creator.base.links.get_incoming(link_type=LinkType.INPUT_CALC)
    assert links.get_node_by_label("shots").pk == shots.pk


def test_a_kept_path_comes_out_whole() -> None:
    shots = ShotsData(shot_arrays((0, 1, 2)), pack(kept_paths((0, 2)))).store()
    assert len(extract_shot(shots, orm.Int(2))) == 2
    assert extract_shot(shots, orm.Int(2)).frames().tag("step").tolist() == ["0.0", "20.0"]
    assert len(extract_shot(shots, orm.Int(1))) == 1


def test_a_shot_of_which_nothing_was_kept_says_how_to_get_it() -> None:
    shots = ShotsData(shot_arrays((7, 8), without_final=["intact"])).store()
    assert len(extract_shot(shots, orm.Int(7))) == 1
    with pytest.raises(
        RefusedError, match=r"no frame of shot 8 \(intact\) was kept. Its seed replays it: .*first_shot 8"
    ):
        extract_shot(shots, orm.Int(8))


def test_a_kept_path_serves_when_the_final_frame_is_not_kept() -> None:
    shots = ShotsData(shot_arrays((7, 8), without_final=["intact"]), pack(kept_paths((8,)))).store()
    assert extract_shot(shots, orm.Int(8)).frames().tag("step").tolist() == ["0.0", "20.0"]


@pytest.mark.parametrize(("held", "which"), [((7, 8), "7 to 8"), ((), "none")])
def test_a_shot_of_another_batch(held: tuple[int, ...], which: str) -> None:
    with pytest.raises(RefusedError, match=f"shot 9 is not in this batch, which holds {which}."):
        extract_shot(ShotsData(shot_arrays(held)), orm.Int(9))


def frames(level: str, n: int = 2, **tags: str) -> FramesData:
    return FramesData(labelled(acetylene(), n, level=level, **tags))


def test_sets_merge_in_the_order_of_their_names() -> None:
    node = merge_raw(orm.Bool(False), b=frames("PBE", 1, run="second"), a=frames("PBE", 2, run="first"))
    assert node.frames().tag("run").tolist() == ["first", "first", "second"]
    assert node.base.attributes.get("source") == {"merged": ["a", "b"]}
    assert node.creator is not None


def test_levels_of_theory_are_not_mixed_unless_one_says_so() -> None:
    sets = {"a": frames("PBE"), "b": frames("GFN1-xTB")}
    with pytest.raises(RefusedError, match=r"different levels of theory \(GFN1-xTB; PBE\): do not mix them"):
        merge_raw(orm.Bool(False), **sets)
    assert merge_raw(orm.Bool(True), **sets).base.attributes.get("levels") == {"PBE": 2, "GFN1-xTB": 2}


def test_sets_for_scoring_are_told_apart_and_lose_isolated_atoms() -> None:
    from ase import Atoms

    atom = labelled(Atoms("H"), 1, stratum="IsolatedAtom")
    sets: dict[str, Any] = {
        "stage_1": FramesData(concatenate([labelled(acetylene(), 2), atom])),
        "stage_2": frames("PBE", 1),
    }
    node = merge_for_scoring(**sets)
    assert node.frames().tag("set").tolist() == ["stage_1", "stage_1", "stage_2"]
    assert node.base.attributes.get("n_isolated") == 0
