"""What the probe finds on the cluster, and what the doctor says of a sound profile and of one fault after another."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from .sites import Site

pytestmark = pytest.mark.production


def test_the_probe_sees_what_its_options_gave_it(site: Site, services: dict[str, str]) -> None:
    printed = site.ok("aiida-mlgun", "probe", "mlgun@cluster")
    assert "SLURM_JOB_PARTITION=gpu" in printed and "SLURM_JOB_ACCOUNT=surfaces" in printed
    found = site.ask(
        "probes = orm.QueryBuilder().append(orm.CalcJobNode, filters={'label': 'probe mlgun@cluster'})\n"
        "job = probes.all(flat=True)[-1]\n"
        "m = job.outputs.machine.get_dict()\n"
        "print(json.dumps(dict(scheduler=m['scheduler'], versions=m['versions'], script=\n"
        "    job.base.repository.get_object_content('_aiidasubmit.sh'))))"
    )
    assert found["scheduler"]["CUDA_VISIBLE_DEVICES"] in ("0", "1")  # Slurm gave one of its two
    assert "aiida-core" not in found["versions"] and "torch" in found["versions"]
    for line in ("--gres=gpu:1", "--partition=gpu", "--account=surfaces", "--time=00:30:00"):
        assert line in found["script"]


def test_the_doctor_finds_no_fault_in_a_sound_profile(site: Site) -> None:
    done = site.run("aiida-mlgun", "doctor")
    assert done.returncode == 0, done.stdout + done.stderr
    assert "mlgun@cluster: mlgun-cluster, core.ssh_async, core.slurm; aiida-mlgun" in done.stdout
    assert "mlgun@cluster-ssh: 127.0.0.1, core.ssh, core.slurm; aiida-mlgun" in done.stdout
    assert ("profile: production-embedded, core.sqlite_dos" in done.stdout) == (site.backend == "embedded")


@pytest.mark.slow
@pytest.mark.parametrize("site", ["services"], indirect=True)
def test_the_doctor_finds_what_is_down(site: Site, tool: Callable[..., str]) -> None:
    """One service after another is stopped; the doctor names it and fails; afterwards all is well again."""
    for service, words in (
        ("ssh", "FAULT mlgun@cluster: no connection (mlgun-cluster, core.ssh_async, core.slurm)"),
        ("rabbitmq", "FAULT broker: core.rabbitmq does not answer"),
    ):
        tool("services.sh", "stop", service)
        try:
            done = site.run("aiida-mlgun", "doctor")
        finally:
            tool("services.sh", "start", service)
        assert done.returncode == 1, done.stdout
        assert words in done.stdout, done.stdout + done.stderr
    site.ok("verdi", "daemon", "stop")
    try:
        done = site.run("aiida-mlgun", "doctor", "--offline")
    finally:
        site.ok("verdi", "daemon", "start", "1")
    assert done.returncode == 1
    assert "FAULT daemon: not running" in done.stdout and "→ verdi daemon start" in done.stdout
    site.ok("aiida-mlgun", "doctor")
