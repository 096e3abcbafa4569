from __future__ import annotations

import numpy as np
import pytest

from aiida_mlgun.contract.errors import RefusedError
from aiida_mlgun.science import splits


def test_every_nth_of_the_shuffled_frames_is_kept_in_order() -> None:
    kept = splits.thinned(327_000, 25, np.random.default_rng(24))
    assert len(kept) == 13_080  # [W]: about 13 000
    assert (np.diff(kept) > 0).all()
    assert not np.array_equal(kept, np.arange(0, 327_000, 25))


def test_random_sides_are_disjoint_and_complete() -> None:
    sides = splits.at_random(100, 0.05, 20, np.random.default_rng(1))
    assert {name: len(index) for name, index in sides.items()} == {"train": 75, "validation": 5, "test": 20}
    assert sorted(np.concatenate(list(sides.values())).tolist()) == list(range(100))


def test_the_same_seed_gives_the_same_split() -> None:
    one, two = (splits.at_random(50, 0.1, 0.1, np.random.default_rng(7)) for _ in range(2))
    assert all(np.array_equal(one[name], two[name]) for name in one)


def test_a_split_that_leaves_nothing_is_refused() -> None:
    with pytest.raises(RefusedError, match="still train") as caught:
        splits.at_random(10, 5, 5, np.random.default_rng(0))
    assert caught.value.status == "nothing_left"


def test_no_run_stands_on_two_sides() -> None:
    runs = [f"r{i // 10}" for i in range(100)]
    sides = splits.by_run(np.array(runs), 0.1, 0.2, np.random.default_rng(3))
    names = {side: {runs[i] for i in index} for side, index in sides.items()}
    assert {side: len(index) for side, index in sides.items()} == {"test": 20, "validation": 10, "train": 70}
    assert not names["train"] & names["validation"] and not names["train"] & names["test"]
    assert not names["validation"] & names["test"]


def test_tags_say_the_side() -> None:
    sides = splits.by_tag(np.array(["train", "valid", "test", ""]))
    assert {name: index.tolist() for name, index in sides.items()} == {"train": [0, 3], "validation": [1], "test": [2]}
    with pytest.raises(RefusedError, match="'holdout' is none of"):
        splits.by_tag(np.array(["holdout"] * 4))


def test_every_stratum_gives_the_same_share() -> None:
    strata = np.array(["slab"] * 100 + ["gun"] * 40 + ["rare"] * 3)
    sides = splits.by_stratum(strata, 0.1, 0.25, np.random.default_rng(5))
    count = {s: {n: int((strata[i] == n).sum()) for n in ("slab", "gun", "rare")} for s, i in sides.items()}
    assert count["test"] == {"slab": 25, "gun": 10, "rare": 1}
    assert count["validation"] == {"slab": 10, "gun": 4, "rare": 0}
    assert sorted(np.concatenate(list(sides.values())).tolist()) == list(range(143))
    exact = splits.by_stratum(strata, 7, 11, np.random.default_rng(5))
    assert (len(exact["validation"]), len(exact["test"])) == (7, 11)
    with pytest.raises(RefusedError, match="still train"):
        splits.by_stratum(strata, 100, 43, np.random.default_rng(0))


def test_smaller_subsets_lie_within_larger_ones() -> None:
    subsets = splits.nested(1000, [10, 100, 1000], np.random.default_rng(2))
    assert {size: len(index) for size, index in subsets.items()} == {10: 10, 100: 100, 1000: 1000}
    assert set(subsets[10].tolist()) < set(subsets[100].tolist()) < set(subsets[1000].tolist())
    assert (np.diff(subsets[100]) > 0).all()
    with pytest.raises(RefusedError, match="a subset of 1001 is asked for, 1000 frames train"):
        splits.nested(1000, [1001], np.random.default_rng(2))
