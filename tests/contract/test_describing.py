from __future__ import annotations

import json

import pytest

from aiida_mlgun.contract.describing import DescribeJob
from aiida_mlgun.contract.errors import RefusedError
from aiida_mlgun.contract.jobs import from_json, to_json


@pytest.mark.parametrize("job", [DescribeJob(), DescribeJob(select="stratified", n_select=40, clusters=8, seed=2**40)])
def test_job_json_holds_the_whole_job(job: DescribeJob) -> None:
    assert from_json("describe", to_json(job)) == job


@pytest.mark.parametrize(
    ("changes", "sentence"),
    [
        ({"batch_size": 0}, "batch_size must be at least 1, not 0"),
        ({"threads": -1}, "threads must not be negative"),
        ({"seed": -1}, r"seed must lie in \[0, 2\^63\), not -1"),
        ({"seed": 2**63}, r"seed must lie in"),
        ({"features": "soap"}, "features: 'soap' is not one of norms, invariant, raw"),
        ({"select": "random", "n_select": 3}, "select: 'random' is not one of none, farthest, stratified"),
        ({"n_select": 5}, "n_select goes with select: farthest or stratified; select is none"),
        ({"select": "farthest"}, "n_select must be at least 1 with select: farthest, not 0"),
        ({"select": "stratified", "n_select": -2}, "n_select must be at least 1 with select: stratified, not -2"),
        ({"select": "farthest", "n_select": 0.2}, "n_select: int is needed, not 0.2"),
        ({"select": "farthest", "n_select": 9, "clusters": 3}, "clusters goes with select: stratified"),
        ({"select": "stratified", "n_select": 9, "clusters": -3}, "clusters must not be negative"),
        ({"select": "stratified", "n_select": 9, "clusters": 10}, r"clusters \(10\) must not exceed n_select"),
        ({"precision": "float16"}, "is not one of float32, float64"),
    ],
)
def test_bad_jobs_are_refused_with_a_sentence(changes: dict[str, object], sentence: str) -> None:
    with pytest.raises(RefusedError, match=sentence):
        from_json("describe", json.dumps(changes))
