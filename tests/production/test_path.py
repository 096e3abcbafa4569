"""Curate, train and shoot on the cluster, on each back end and over each transport; what each job asked Slurm for."""

from __future__ import annotations

import subprocess
from pathlib import Path
from typing import Any

import pytest

from . import steps
from .conftest import GPU
from .sites import Site

pytestmark = pytest.mark.production

ASKED = ("#SBATCH --partition=gpu", "#SBATCH --account=surfaces", "#SBATCH --time=00:30:00", "#SBATCH --gres=gpu:1")


def test_the_clusters_environment_has_no_aiida(services: dict[str, str]) -> None:
    def there(code: str) -> subprocess.CompletedProcess[str]:
        python = Path(services["REMOTE_ENV"]) / "bin" / "python"
        return subprocess.run([python, "-I", "-c", code], capture_output=True, text=True, check=False)

    done = there("import torch, mace, aiida_mlgun.remote.main; print(aiida_mlgun.__file__)")
    assert done.stdout.startswith(services["REMOTE_ENV"]), done.stderr  # a copy, not the workstation's source
    assert "No module named 'aiida'" in there("import aiida").stderr


@pytest.mark.parametrize(
    ("site", "computer", "options"),
    [
        ("services", "cluster", GPU),
        ("embedded", "cluster-ssh", None),
        pytest.param("services", "cluster-ssh", None, marks=pytest.mark.slow),
        pytest.param("embedded", "cluster", GPU, marks=pytest.mark.slow),
    ],
    indirect=["site"],
)
def test_curate_train_and_shoot(site: Site, computer: str, options: dict[str, Any] | None) -> None:
    """``options`` None: what ``aiida-mlgun setup`` kept with the code, which is the same."""
    code = f"mlgun@{computer}"
    foundation = steps.model(site)
    curation = steps.curate(site, code, options)
    finetuning = steps.finetune(site, code, options, foundation, curation)
    trained = site.ask(f"print(orm.load_node({finetuning}).outputs.model.pk)")
    shooting = steps.gun(site, code, options, trained)
    found = site.ask(
        steps.JOBS + f"out = orm.load_node({shooting}).outputs\n"
        "shots = [s for name in sorted(out.shots) for s in out.shots[name].base.attributes.get('shots')]\n"
        f"jobs = [j for pk in ({curation}, {finetuning}, {shooting}) for j in jobs_of(pk)]\n"
        "print(json.dumps(dict(shots=shots, n=out.summary['n_shots'], jobs=jobs)))"
    )
    assert found["shots"] == [0, 1, 2, 3]
    assert found["n"] == 4
    jobs = found["jobs"]
    assert {job["label"] for job in jobs} >= {"curate", "stage_1", "equilibrate", "batch_0000", "batch_0001"}
    assert len({job["job_id"] for job in jobs}) == len(jobs)
    for job in jobs:
        assert job["status"] == 0, job
        assert job["computer"] == computer
        assert all(line in job["script"] for line in ASKED), job["script"]
        assert "aiida-core" not in job["versions"]


@pytest.mark.slow
def test_a_model_goes_out_and_comes_back(site: Site) -> None:
    """Export to a pickle and conversion back, both on the cluster: the same weights and configuration."""
    start = steps.model(site)
    script = (
        f"from aiida_mlgun.cli.card import architecture as of\nprint(json.dumps(of(orm.load_node({start}))['dtype']))"
    )
    dtype = site.ask(script)
    path = site.folder / "there_and_back.model"
    site.ok("aiida-mlgun", "model", "export", start, "--precision", dtype, "--code", "mlgun@cluster", "-o", path)
    back = steps.pk_of(site.ok("aiida-mlgun", "model", "import", path, "--code", "mlgun@cluster", "--trust"))
    one, other = site.ask(f"print(json.dumps([orm.load_node(pk).content_hash for pk in ({start}, {back})]))")
    assert one == other
