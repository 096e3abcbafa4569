"""What happens to flying shots when things break: none lost, none twice, each the same to the last bit."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Any

import pytest

from aiida_mlgun.contract.status import BY_NAME

from .breaking import Breaker
from .cluster import Cluster, progress, until
from .shooting import DYNAMICS, Shooting
from .sites import Site

pytestmark = [pytest.mark.production, pytest.mark.timeout(1800)]
slow = pytest.mark.slow
on_services = pytest.mark.parametrize("site", ["services"], indirect=True)


@pytest.fixture(scope="module")
def prepared() -> dict[str, Shooting]:
    return {}


@pytest.fixture
def shooting(site: Site, prepared: dict[str, Shooting]) -> Shooting:
    if site.backend not in prepared:
        prepared[site.backend] = Shooting.prepare(site)
    return prepared[site.backend]


@pytest.fixture
def breaker(site: Site, cluster: Cluster) -> Breaker:
    return Breaker(site, cluster)


@pytest.fixture
def impatient(site: Site) -> Any:
    """Three attempts a second apart, not five within five minutes, until AiiDA pauses a process."""
    names = {"transport.task_retry_initial_interval": 1, "transport.task_maximum_attempts": 3}

    def put(values: dict[str, int | None]) -> None:
        for name, value in values.items():
            words = ("unset", name) if value is None else ("set", name, str(value))
            site.ok("verdi", "config", *words)
        site.ok("verdi", "daemon", "restart")

    put(names)
    yield
    put(dict.fromkeys(names))


def in_flight(cluster: Cluster, after: int = 0) -> int:
    """Wait until a job has written a checkpoint; its number."""
    number = cluster.running(after)
    folder = cluster.folder(number) / "checkpoint"
    until(lambda: list(folder.glob("state-*.json")), f"job {number} writes no checkpoint", 300.0)
    return number


def last_job(cluster: Cluster) -> int:
    jobs = cluster.slurm("scontrol", "--oneliner", "show", "job").splitlines()
    return max((int(line.split()[0].partition("=")[2]) for line in jobs if line.startswith("JobId=")), default=0)


def check(found: dict[str, Any], statuses: list[int]) -> None:
    """All shots there, once, and as if nothing had happened; the jobs ended so."""
    assert found["status"] == 0, found["report"]
    assert [job["status"] for job in found["jobs"]] == statuses, found["report"]
    assert len({job["job_id"] for job in found["jobs"]}) == len(statuses)
    assert found["shots"] == [0, 1]
    assert found["differ"] == []


@pytest.mark.parametrize(
    ("site", "how"),
    [
        ("embedded", "scancel"),
        pytest.param("services", "scancel", marks=slow),
        pytest.param("services", "process", marks=slow),
        pytest.param("services", "node", marks=slow),
    ],
    indirect=["site"],
)
def test_a_job_that_is_ended_goes_on(how: str, shooting: Shooting, cluster: Cluster, breaker: Breaker) -> None:
    before = last_job(cluster)
    pk = shooting.submit()
    first = in_flight(cluster, before)
    if how == "scancel":
        cluster.slurm("scancel", str(first))
    elif how == "process":
        breaker.kill(breaker.shooting())
    else:
        breaker.lose_node(3.0)
    found = shooting.ended(pk)
    assert found["jobs"][0]["status"] in (310, 411), found["report"]
    check(found, [found["jobs"][0]["status"], 0])
    assert found["resumed"][-1]["steps"] > 0
    assert "Goes on from its checkpoint" in found["report"]


@slow
@on_services
def test_requeued(shooting: Shooting, cluster: Cluster, breaker: Breaker) -> None:
    """The same job in the same folder: the dead one's claim gives way, and its checkpoint is gone on from."""
    before = last_job(cluster)
    pk = shooting.submit({"rerunnable": True})
    number = in_flight(cluster, before)
    cluster.slurm("scontrol", "requeue", str(number))
    until(lambda: cluster.jobs().get(number) == "PENDING", f"job {number} is not requeued", 60.0)
    breaker.release_requeued()
    found = shooting.ended(pk)
    check(found, [0])
    assert found["resumed"][0]["steps"] > 0


@slow
@on_services
def test_wall_time_in_the_middle_of_flight(shooting: Shooting, cluster: Cluster) -> None:
    """Slurm's own minute, because the job believes that it has an hour."""
    before = last_job(cluster)
    pk = shooting.submit({"max_wallclock_seconds": 60}, max_seconds=3600.0, dynamics=DYNAMICS | {"max_steps": 3000})
    first = cluster.running(before)
    assert cluster.ended(first) == "TIMEOUT"
    second = cluster.running(after=first)
    cluster.slurm("scontrol", "update", f"JobId={second}", "TimeLimit=60")
    found = shooting.ended(pk)
    assert found["status"] == 0, found["report"]
    assert [job["status"] for job in found["jobs"]] == [411, 0]
    assert found["shots"] == [0, 1] and found["resumed"][-1]["steps"] > 0


@slow
@on_services
@pytest.mark.parametrize("what", ["worker", "daemon", "daemon and workers"])
def test_a_killed_daemon_submits_nothing_twice(
    what: str, shooting: Shooting, cluster: Cluster, breaker: Breaker
) -> None:
    before = last_job(cluster)
    pk = shooting.submit()
    number = in_flight(cluster, before)
    if what == "worker":
        breaker.kill(breaker.workers())
    else:
        breaker.kill_daemon(workers=what != "daemon")
        breaker.start_daemon(1)
    found = shooting.ended(pk)
    check(found, [0])
    assert int(found["jobs"][0]["job_id"]) == number == last_job(cluster)


@slow
@on_services
def test_a_cut_connection_pauses_and_is_played(
    shooting: Shooting, cluster: Cluster, site: Site, tool: Callable[..., str], impatient: None
) -> None:
    before = last_job(cluster)
    pk = shooting.submit()
    number = in_flight(cluster, before)
    tool("services.sh", "stop", "ssh")
    Breaker(site, cluster).end_sessions()
    try:
        until(lambda: shooting.paused(pk), "AiiDA pauses nothing", 300.0)
        cluster.ended(number)
    finally:
        tool("services.sh", "start", "ssh")
    site.ok("verdi", "process", "play", "--all")
    check(shooting.ended(pk), [0])


@slow
@on_services
def test_a_queue_that_takes_no_job_pauses_and_is_played(
    shooting: Shooting, cluster: Cluster, site: Site, impatient: None
) -> None:
    """sbatch refuses, as it does when MaxSubmitJobs is reached; that limit itself needs Slurm's accounting."""
    before = last_job(cluster)
    cluster.slurm("scontrol", "update", "PartitionName=gpu", "State=DRAIN")
    try:
        pk = shooting.submit()
        until(lambda: shooting.paused(pk), "AiiDA pauses nothing", 300.0)
        assert last_job(cluster) == before
    finally:
        cluster.slurm("scontrol", "update", "PartitionName=gpu", "State=UP")
    site.ok("verdi", "process", "play", "--all")
    check(shooting.ended(pk), [0])
    assert last_job(cluster) == before + 1


@slow
@pytest.mark.parametrize(("site", "seconds"), [("services", 20.0), ("embedded", 4.0)], indirect=["site"])
def test_a_locked_database_delays(seconds: float, shooting: Shooting, cluster: Cluster, breaker: Breaker) -> None:
    """Locked again and again while the job flies and ends; SQLite gives up after five seconds, so shorter than that."""
    before = last_job(cluster)
    pk = shooting.submit()
    number = in_flight(cluster, before)
    for _ in range(4):
        breaker.lock_database(seconds)
        time.sleep(0.5)
    assert number not in cluster.jobs()  # it came to its end in that time
    check(shooting.ended(pk), [0])


@slow
@on_services
def test_a_second_submission_leaves_the_folder_alone(shooting: Shooting, cluster: Cluster) -> None:
    """What remains of a submission whose answer was lost: the same script, queued twice."""
    before = last_job(cluster)
    pk = shooting.submit()
    first = cluster.running(before)
    folder = cluster.folder(first)
    cluster.slurm("sbatch", f"--chdir={folder}", "--output=second.out", str(folder / "_aiidasubmit.sh"))
    second = cluster.running(after=first)
    reached = progress(folder / "progress.json")
    found = shooting.ended(pk)
    assert reached < 2
    check(found, [0])
    assert cluster.ended(second) == "COMPLETED"
    assert found["resumed"] == [None]  # one run did all


@slow
@on_services
def test_too_little_memory_has_a_name(shooting: Shooting) -> None:
    """An address space of 0.7 GiB does not hold torch's libraries."""
    pk = shooting.submit({"prepend_text": "ulimit -v 700000"})
    found = shooting.ended(pk)
    assert found["status"] == BY_NAME["out_of_memory"].code, found["report"]
    assert "libraries could be loaded" in found["message"]
    assert found["shots"] is None


@slow
@on_services
def test_a_disk_that_is_full_from_the_start_has_a_name(shooting: Shooting) -> None:
    """No file may become larger than 4 KiB: not even the folder can be claimed, but a manifest fits."""
    pk = shooting.submit({"prepend_text": "ulimit -f 4"})
    found = shooting.ended(pk)
    assert found["status"] == BY_NAME["disk_full"].code, found["report"]
    assert len(found["jobs"]) == 1 and found["shots"] is None
