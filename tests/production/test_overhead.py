"""What a job costs beside its own work, on each back end, as the daemon runs it through SSH and Slurm."""

from __future__ import annotations

import json
import os
from hashlib import sha256
from pathlib import Path

import pytest

from aiida_mlgun.contract import files

from .conftest import GPU
from .sites import Site

pytestmark = [pytest.mark.production, pytest.mark.slow]

#: Jobs submitted at once.
JOBS = 12
#: Seconds per job that nobody should have to wait, and the CPU seconds of the daemon that are too many.
LIMITS = {"seconds_per_job": 20.0, "daemon_cpu_seconds_per_job": 10.0}

SCRIPT = """
import time, psutil
from aiida.engine import submit
from aiida.engine.daemon.client import get_daemon_client
from aiida.plugins import CalculationFactory
workers = [psutil.Process(int(pid)) for pid in get_daemon_client().get_worker_info()['info']]
cpu = lambda: sum(sum(p.cpu_times()[:2]) for p in workers)
code = orm.InstalledCode(label='quick', computer=orm.load_computer({computer!r}), filepath_executable={program!r})
code.store()
before, begin = cpu(), time.monotonic()
nodes = [
    submit(CalculationFactory('mlgun.probe'), code=code, parameters=orm.Dict({{'seed': i}}),
           metadata={{'options': {options!r}}})
    for i in range({n})
]
submitted = time.monotonic() - begin
while not all(node.is_terminated for node in nodes):
    time.sleep(1.0)
passed = time.monotonic() - begin
spent = cpu() - before
print(json.dumps(dict(
    status=[node.exit_status for node in nodes], jobs=sorted({{node.get_job_id() for node in nodes}}),
    seconds_per_job=passed / {n}, submit_seconds_per_job=submitted / {n}, daemon_cpu_seconds_per_job=spent / {n},
)))
"""


@pytest.mark.parametrize("computer", ["cluster", "cluster-ssh"])
def test_seconds_per_job(site: Site, computer: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Jobs whose program does nothing but write a manifest: what is left is AiiDA, SSH and Slurm."""
    program = tmp_path / "mlgun"
    manifest = {"schema": 1, "verb": "probe", "status": "ok", "detail": "", "seed": 0, "device": "cpu"}
    machine = json.dumps({"versions": {}})
    outputs = {files.MACHINE: sha256(machine.encode()).hexdigest()}
    manifest |= {"wall_seconds": 0.0, "versions": {}, "outputs": outputs, "numbers": {}}
    program.write_text(
        f"#!/bin/sh\nprintf '%s' '{machine}' > {files.MACHINE}\necho '{json.dumps(manifest)}' > {files.MANIFEST}\n"
    )
    program.chmod(0o755)
    found = site.ask(SCRIPT.format(computer=computer, program=str(program), options=GPU, n=JOBS))
    assert found["status"] == [0] * JOBS
    assert len(found["jobs"]) == JOBS
    figures = " ".join(f"{name}={found[name]:.2f}" for name in found if name.endswith("per_job"))
    figures += f" load={os.getloadavg()[0]:.1f}"
    with capsys.disabled():
        print(f"\noverhead: backend={site.backend} computer={computer} jobs={JOBS} {figures}")
    for name, limit in LIMITS.items():
        assert found[name] < limit
