from __future__ import annotations

import numpy as np
import pytest
from aiida import orm
from aiida.common.exceptions import ValidationError

from aiida_mlgun.contract.errors import RefusedError
from aiida_mlgun.data.shots import COLUMNS, ShotsData
from aiida_mlgun.science.npz import pack
from tests.nodes import kept_paths, shot_arrays


def test_the_columns_are_those_the_compute_machine_writes() -> None:
    assert set(COLUMNS) <= set(shot_arrays())


def test_attributes_answer_what_one_asks() -> None:
    node = ShotsData(shot_arrays((4, 5, 6))).store()
    get = node.base.attributes.get
    assert (len(node), get("n_atoms"), node.counts) == (3, 28, {"intact": 1, "on_top CC": 2})
    assert (get("shots"), get("seeds"), get("outcomes")) == (
        [4, 5, 6],
        [904, 905, 906],
        ["on_top CC", "on_top CC", "intact"],
    )
    assert get("median_abs_drift") == pytest.approx(0.01)
    query = orm.QueryBuilder().append(ShotsData, filters=ShotsData.fields.n_shots == 3)
    assert node.pk in [n.pk for n in query.all(flat=True)]


def test_arrays_come_back_and_make_a_table() -> None:
    arrays = shot_arrays()
    node = ShotsData(arrays).store()
    back = node.arrays()
    assert back.keys() == arrays.keys()
    for name in arrays:
        np.testing.assert_array_equal(back[name], arrays[name])
    table = node.to_pandas()
    assert (list(table.columns), len(table)) == (list(COLUMNS), 3)
    assert node.trajectories() == {}


def test_kept_paths_lie_in_the_node_and_in_its_hash() -> None:
    plain = ShotsData(shot_arrays())
    node = ShotsData(shot_arrays(), pack(kept_paths((1,))))
    times, positions = node.trajectory(1)
    assert times.tolist() == [0.0, 20.0] and positions.shape == (2, 28, 3)
    np.testing.assert_allclose(positions[1] - positions[0], 0.1, atol=1e-3)
    np.testing.assert_allclose(positions[0], node.final_frame(1)[0], atol=0.5001e-3)
    assert node.trajectory(0) is None and plain.trajectory(1) is None
    assert node.content_hash != plain.content_hash == ShotsData(shot_arrays()).content_hash


def test_a_final_frame_is_exact_or_said_not_to_be_there() -> None:
    arrays = shot_arrays((4, 5, 6), without_final=["intact"])
    node = ShotsData(arrays).store()
    positions, velocities = node.final_frame(5)
    np.testing.assert_array_equal(positions, shot_arrays((4, 5, 6))["positions"][1])
    np.testing.assert_array_equal(velocities, 1e-3)
    assert node.final_frame(6) is None
    assert len(node.arrays()["positions"]) == 2
    for ask in (node.final_frame, node.trajectory):
        with pytest.raises(RefusedError, match="shot 7 is not in this batch, which holds 4 to 6"):
            ask(7)


def test_paths_of_the_reactive_groups() -> None:
    found = list(ShotsData(shot_arrays((0, 1, 2))).paths())
    assert len(found) == 3
    np.testing.assert_allclose(found[1].time_fs, [0.0, 20.0])
    np.testing.assert_allclose(found[1].points, [[[1, 2, 3]], [[1, 2, 1]]], atol=1e-9)


def test_equal_content_has_an_equal_hash_whatever_is_kept() -> None:
    whole, less = ShotsData(shot_arrays()), ShotsData(shot_arrays(without_final=["intact"]))
    assert whole.content_hash == ShotsData(shot_arrays()).content_hash != less.content_hash
    assert less.content_hash == ShotsData(shot_arrays(without_final=["intact"])).content_hash


def test_a_shot_over_at_once_has_no_drift_and_still_counts() -> None:
    arrays = shot_arrays()
    arrays["drift"] = np.array([np.nan, -0.04, 0.02])
    assert ShotsData(arrays).store().base.attributes.get("median_abs_drift") == pytest.approx(0.03)
    arrays["drift"] = np.full(3, np.nan)
    assert ShotsData(arrays).store().base.attributes.get("median_abs_drift") is None


def test_a_batch_without_a_finished_shot() -> None:
    node = ShotsData(shot_arrays(())).store()
    assert (len(node), node.counts, len(node.to_pandas())) == (0, {}, 0)


@pytest.mark.parametrize("name", COLUMNS)
def test_a_missing_column_is_named(name: str) -> None:
    arrays = shot_arrays()
    del arrays[name]
    with pytest.raises(RefusedError, match=f"the shots lack the column '{name}'"):
        ShotsData(arrays)


def test_an_empty_node_cannot_be_stored() -> None:
    with pytest.raises(ValidationError, match=r"shots\.npz"):
        ShotsData().store()
