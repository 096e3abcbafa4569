from __future__ import annotations

import pytest

from aiida_mlgun.contract import jobs
from aiida_mlgun.contract.errors import RefusedError
from aiida_mlgun.contract.shooting import Chemistry, Mode, ReactiveGroup

CHEMISTRY = Chemistry((ReactiveGroup("CC", (0, 1)),), (Mode("any", True, "everything"),))
EXAMPLES = (
    jobs.ConvertJob("a" * 64),
    jobs.CurateJob(),
    jobs.TrainJob(),
    jobs.EvaluateJob(),
    jobs.EquilibrateJob(),
    jobs.ShootJob(n_shots=3, chemistry=CHEMISTRY),
    jobs.DescribeJob(),
    jobs.ExportJob(),
    jobs.ProbeJob(),
)


@pytest.mark.parametrize("job", EXAMPLES, ids=lambda job: job.verb)
def test_job_json_holds_the_whole_job(job: jobs.Job) -> None:
    assert jobs.from_json(job.verb, jobs.to_json(job)) == job


def test_every_verb_has_an_example_here() -> None:
    assert {job.verb for job in EXAMPLES} == set(jobs.VERBS)


def test_equal_jobs_give_equal_bytes() -> None:
    text = jobs.to_json(EXAMPLES[5])
    assert text == jobs.to_json(jobs.from_json("shoot", text))


@pytest.mark.parametrize(
    ("verb", "text", "sentence"),
    [
        ("fly", "{}", "unknown verb 'fly'"),
        ("curate", "{", "not JSON"),
        ("curate", '{"schema": 99}', "has schema 99"),
        ("curate", '{"keep_every": 0}', "keep_every must be at least 1"),
        ("curate", '{"validation": 0.6, "test": 0.5}', "leave nothing to train on"),
        ("train", '{"stage": {"lr": 0}}', "stage.lr must lie in"),
        ("train", '{"stage": {"epochs": 4, "eval_interval": 2}}', "skips the last of 4 epochs.* train 3 epochs"),
        ("train", '{"stage": {"e0s": "given"}}', "e0_values goes with e0s: given"),
        ("train", '{"parent": false}', "a parent model or an architecture"),
        ("train", '{"stage": {"method": "frozen"}}', "freeze goes with method: frozen"),
        ("train", '{"stage": {"freeze": "products"}}', "freeze goes with method: frozen"),
        ("train", '{"stage": {"method": "frozen", "freeze": "readouts"}}', "not one of embedding, interactions"),
        ("train", '{"stage": {"method": "lora"}}', "set readout: keep"),
        ("train", '{"stage": {"lora_rank": 8}}', "go with method: lora, not naive"),
        ("train", '{"stage": {"method": "lora", "readout": "keep", "lora_rank": 0}}', "lora_rank must be at least 1"),
        ("train", '{"stage": {"replay_weight": 2}}', "replay_weight goes with method: replay"),
        ("train", '{"stage": {"method": "replay"}}', "method replay needs a replay set"),
        ("train", '{"has_replay": true}', "a replay set goes with method: replay alone"),
        ("train", '{"stage": {"plateau_factor": 1.5}}', "plateau_factor must lie in"),
        ("train", '{"stage": {"clip_grad": 0}}', "clip_grad must be positive"),
        ("train", '{"processes": 0}', "processes must be at least 1"),
        (
            "train",
            '{"parent": false, "architecture": {}, "stage": {"method": "frozen", "freeze": "embedding"}}',
            "method frozen needs a parent model",
        ),
        ("convert", '{"sha256": "abc"}', "64 hexadecimal digits"),
        ("equilibrate", '{"fixed_layers": 0}', "fixed_layers must be at least 1"),
    ],
)
def test_bad_jobs_are_refused_with_a_sentence(verb: str, text: str, sentence: str) -> None:
    with pytest.raises(RefusedError, match=sentence):
        jobs.from_json(verb, text)


@pytest.mark.parametrize(
    ("changes", "sentence"),
    [
        ({"n_shots": 0}, "n_shots must be at least 1"),
        ({"velocity": {"recipe": "beam"}}, "kinetic_energy .* must be positive"),
        ({"velocity": {"recipe": "thermal", "kinetic_energy": 1.0}}, "belongs to `beam`"),
        ({"dynamics": {"timestep_fs": -1}}, "timestep_fs must lie in"),
        ({"aim": {"height": 5.0}}, "must exceed decision.leave_height"),
    ],
)
def test_bad_shots_are_refused_with_a_sentence(changes: dict[str, object], sentence: str) -> None:
    import json

    good = json.loads(jobs.to_json(EXAMPLES[5]))
    with pytest.raises(RefusedError, match=sentence):
        jobs.from_json("shoot", json.dumps({**good, **changes}))
