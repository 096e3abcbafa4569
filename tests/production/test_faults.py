"""What Slurm really does to a running training, and that the stage still ends with the model that was asked for."""

from __future__ import annotations

from typing import Any

import pytest

from . import steps
from .cluster import Cluster, until
from .conftest import GPU
from .sites import Site

pytestmark = [pytest.mark.production, pytest.mark.slow, pytest.mark.timeout(1800)]

CODE = "mlgun@cluster"
#: More than two minutes of training: the wall time of one minute comes in the middle of it.
LONG = 300


@pytest.fixture
def sets(site: Site, curations: dict[str, int]) -> int:
    """The PK of a curation in this profile."""
    if site.backend not in curations:
        curations[site.backend] = steps.curate(site, CODE, GPU)
    return curations[site.backend]


@pytest.fixture(scope="module")
def curations() -> dict[str, int]:
    return {}


def train(site: Site, curation: int, epochs: int, options: dict[str, Any], **parameters: Any) -> int:
    """Submit ``mlgun.train``; the PK of the workflow."""
    stage = {"epochs": epochs, "eval_interval": 1, "precision": "float32", "e0s": "estimated", "seed": 24}
    given = {"threads": 1, "stage": stage, **parameters}
    pk: int = site.ask(
        "from aiida.engine import submit\nfrom aiida.plugins import WorkflowFactory\n"
        f"sets = orm.load_node({curation}).outputs\n"
        "builder = WorkflowFactory('mlgun.train').get_builder()\n"
        f"builder.code, builder.model = orm.load_code({CODE!r}), orm.load_node({steps.model(site)})\n"
        "builder.train, builder.validation = sets.train, sets.validation\n"
        f"builder.options, builder.parameters = orm.Dict({options!r}), orm.Dict({given!r})\n"
        "print(submit(builder).pk)"
    )
    return pk


def finished(site: Site, pk: int, timeout: float = 1200.0) -> dict[str, Any]:
    """The training at its end: its exit status, its jobs, its epochs, its report."""
    until(lambda: site.ask(f"print(json.dumps(orm.load_node({pk}).is_terminated))"), f"<{pk}> does not end", timeout)
    found: dict[str, Any] = site.ask(
        steps.JOBS + "from aiida.cmdline.utils.common import get_workchain_report\n"
        f"node = orm.load_node({pk})\n"
        "curve = node.outputs.training['history']['epoch'] if 'training' in node.outputs else []\n"
        "print(json.dumps(dict(status=node.exit_status, jobs=jobs_of(node.pk), epochs=curve,\n"
        "    report=get_workchain_report(node, 'REPORT'))))"
    )
    return found


@pytest.mark.parametrize("site", ["services"], indirect=True)
def test_killed_at_the_wall_time_and_resumed(site: Site, sets: int, cluster: Cluster) -> None:
    """The job's own time budget is set too long, so that Slurm itself ends it at its minute."""
    pk = train(site, sets, LONG, GPU | {"max_wallclock_seconds": 60}, max_seconds=3600.0)
    first = cluster.running()
    assert cluster.ended(first) == "TIMEOUT"
    second = cluster.running(after=first)
    cluster.slurm("scontrol", "update", f"JobId={second}", "TimeLimit=60")
    found = finished(site, pk)
    assert found["status"] == 0, found["report"]
    assert [int(job["job_id"]) for job in found["jobs"]] == [first, second]
    assert [job["status"] for job in found["jobs"]] == [411, 0]
    assert "Goes on from its checkpoint" in found["report"]
    assert found["epochs"] == [float(epoch) for epoch in range(LONG)]  # each once, whichever job it was in


@pytest.mark.parametrize("site", ["services", "embedded"], indirect=True)
def test_cancelled_and_resumed(site: Site, sets: int, cluster: Cluster) -> None:
    pk = train(site, sets, 30, GPU)
    first = cluster.running()
    cluster.reached(first, 5)
    cluster.slurm("scancel", str(first))
    assert cluster.ended(first) == "CANCELLED"
    found = finished(site, pk)
    assert found["status"] == 0, found["report"]
    assert len(found["jobs"]) == 2
    assert "Goes on from its checkpoint" in found["report"]
    assert found["epochs"] == [float(epoch) for epoch in range(30)]


@pytest.mark.parametrize("site", ["services"], indirect=True)
def test_requeued(site: Site, sets: int, cluster: Cluster) -> None:
    """Slurm starts the same script in the same folder again; AiiDA sees one job that took longer."""
    pk = train(site, sets, 20, GPU | {"rerunnable": True})
    number = cluster.running()
    cluster.reached(number, 5)
    cluster.slurm("scontrol", "requeue", str(number))
    until(lambda: cluster.jobs().get(number) == "PENDING", f"job {number} is not requeued", 60.0)
    cluster.slurm("scontrol", "update", f"JobId={number}", "StartTime=now")  # Slurm would wait two minutes
    found = finished(site, pk)
    assert cluster.record(number)["Restarts"] == "1"
    assert found["status"] == 0, found["report"]
    assert [int(job["job_id"]) for job in found["jobs"]] == [number]
    assert found["epochs"] == [float(epoch) for epoch in range(20)]
