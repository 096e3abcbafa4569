from __future__ import annotations

from pathlib import Path

import pytest
from aiida import orm
from aiida.engine.processes.calcjobs.monitors import CalcJobMonitors

from aiida_mlgun.monitors import TAIL, first_broken, training_diverged

GOOD = '{"loss": 0.5, "time": 0.1, "mode": "opt", "epoch": 0}\n'
BROKEN = '{"loss": NaN, "mode": "opt", "epoch": 3}\n'


@pytest.mark.parametrize(
    ("text", "sentence"),
    [
        ("", None),
        (GOOD * 3, None),
        (GOOD + BROKEN + GOOD, "the loss is nan in epoch 3."),
        (GOOD + '{"loss": Infinity, "mode": "eval", "epoch": null}', "the loss is inf in epoch None."),
        ('": NaN, "epoch": 1}\n' + GOOD + '{"loss": NaN, "epo', None),
        ('[]\n"NaN"\n7\n{"epoch": 2}\n{"loss": "nan"}', None),
    ],
)
def test_lines_of_maces_record(text: str, sentence: str | None) -> None:
    assert first_broken(text) == sentence


def test_a_running_jobs_record_is_read_through_the_transport(aiida_localhost: orm.Computer, tmp_path: Path) -> None:
    job = orm.CalcJobNode(computer=aiida_localhost)
    monitors = CalcJobMonitors({"loss": orm.Dict({"entry_point": "mlgun.training_diverged"})})
    with aiida_localhost.get_transport() as transport:
        assert training_diverged(job, transport) is None
        job.set_remote_workdir(str(tmp_path))
        assert training_diverged(job, transport) is None
        record = tmp_path / "mace" / "results" / "stage_run-24_train.txt"
        record.parent.mkdir(parents=True)
        record.write_text(GOOD * (2 * TAIL // len(GOOD)))
        assert monitors.process(job, transport) is None
        with record.open("a") as handle:
            handle.write(BROKEN)
        result = monitors.process(job, transport)
        assert result is not None
        assert (result.key, result.message) == ("loss", "the loss is nan in epoch 3.")
        (tmp_path / "result.json").write_text("{}")
        assert monitors.process(job, transport) is None
