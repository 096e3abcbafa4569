from __future__ import annotations

import json
from typing import Any

import numpy as np
import pytest

from aiida_mlgun.contract.errors import RefusedError
from aiida_mlgun.science.statistics import clustered_shares
from aiida_mlgun.science.tally import Tally


def table(first: int, n: int, rng: np.random.Generator) -> dict[str, Any]:
    drift = rng.lognormal(-3, 1.5, n) * rng.choice([-1, 1], n)
    drift[rng.random(n) < 0.05] = np.nan
    return {
        "shot": np.arange(first, first + n),
        "slab_state": rng.integers(7, size=n),
        "molecule_state": rng.integers(5, size=n),
        "outcome": rng.choice(["intact", "double", "on_top CC"], n, p=[0.6, 0.3, 0.1]),
        "drift": drift,
    }


@pytest.fixture
def tables() -> list[dict[str, Any]]:
    rng = np.random.default_rng(3)
    return [table(first, 40, rng) for first in range(0, 400, 40)]


def test_a_tally_knows_what_its_shots_know(tables: list[dict[str, Any]]) -> None:
    found = Tally()
    for one in tables:
        found = found.plus(one)
    whole = {name: np.concatenate([one[name] for one in tables]) for name in tables[0]}
    assert len(found) == 400 and found.shots == [[0, 400]]
    assert found.counts() == {name: int((whole["outcome"] == name).sum()) for name in np.unique(whole["outcome"])}
    outcomes, slab, gas = found.columns()
    there = clustered_shares(whole["outcome"].tolist(), whole["slab_state"], whole["molecule_state"])
    assert clustered_shares(outcomes, slab, gas).design_effect == pytest.approx(there.design_effect)
    drift = np.abs(whole["drift"][np.isfinite(whole["drift"])])
    assert found.median_abs_drift() == pytest.approx(np.median(drift), rel=0.023)
    assert found.max_abs_drift == drift.max()


def test_the_order_of_the_batches_does_not_matter(tables: list[dict[str, Any]]) -> None:
    one, other = Tally(), Tally()
    for a, b in zip(tables, reversed(tables), strict=True):
        one, other = one.plus(a), other.plus(b)
    assert (one.shots, one.cells, one.counts()) == (other.shots, other.cells, other.counts())
    assert one.median_abs_drift() == pytest.approx(other.median_abs_drift())


def test_it_goes_through_json_and_stays_small(tables: list[dict[str, Any]]) -> None:
    found, sizes = Tally(), []
    for one in tables:
        found = found.plus(one)
        sizes.append(len(text := json.dumps(found.to_json())))
        assert Tally.from_json(json.loads(text)) == found
    assert sizes[-1] < 1.6 * sizes[4]  # 400 shots against 200


def test_a_shot_counts_once(tables: list[dict[str, Any]]) -> None:
    found = Tally().plus(tables[0])
    with pytest.raises(RefusedError, match=r"two batches hold the same shot: each shot may count once \(shots 0-39"):
        found.plus(tables[0])
    twice = {name: np.concatenate([column[:2], column[:2]]) for name, column in tables[1].items()}
    with pytest.raises(RefusedError, match="each shot may count once"):
        found.plus(twice)


def test_no_shots_and_no_drift() -> None:
    assert (len(Tally()), Tally().counts(), Tally().median_abs_drift(), Tally().columns()[0]) == (0, {}, None, [])
    still = {**table(0, 3, np.random.default_rng(1)), "drift": np.array([0.0, 0.0, np.nan])}
    assert Tally().plus(still).median_abs_drift() == 0.0
