"""A campaign through a real daemon: it stops by precision, is killed halfway, and is extended by what it left."""

from __future__ import annotations

import json
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml

from aiida_mlgun import assets

from .shell import ask, daemon, run

pytestmark = pytest.mark.daemon

SMALL = {
    "min_image_gap": 3.5,
    "n_shots": 20,
    "shots_per_job": 4,
    "jobs_at_once": 2,
    "velocity": {"recipe": "beam", "kinetic_energy": 1.0},
    "aim": {"height": 5.0},
    "decision": {"settle_fs": 30.0, "leave_height": 4.5, "max_unresolved": 1.0, "max_drift": 50.0},
    "dynamics": {"threads": 1, "max_steps": 40, "check_every": 20, "evaluator": "torch"},
    "equilibrate": {"snapshots": 10, "interval_fs": 4.0, "discard_fs": 4.0, "relax_steps": 3},
}


@pytest.fixture(scope="module")
def profile(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """A folder with a profile, the code ``mlgun`` on this computer, the shipped model, and a daemon."""
    with daemon(tmp_path_factory.mktemp("campaign"), "campaign") as folder:
        done = run(folder, "aiida-mlgun", "model", "import", assets.COMPACT_MODEL)
        assert done.returncode == 0, done.stderr
        yield folder


def launch(folder: Path, *words: str) -> str:
    done = run(folder, "aiida-mlgun", "launch", "gun", "--code", "mlgun@localhost", *words, timeout=900)
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


STORY = """
import json
node = orm.QueryBuilder().append(orm.WorkChainNode, filters={'attributes.process_label': 'GunWorkChain'})
node = node.order_by({orm.WorkChainNode: 'id'}).all(flat=True)[-1]
jobs = [job for job in node.called_descendants if job.process_label == 'ShootCalculation']
print(json.dumps(dict(
    running=sum(not job.is_terminated for job in jobs),
    pk=node.pk, status=node.exit_status, jobs=len(jobs), ended=node.is_terminated,
    batches=sorted(link.link_label for link in node.base.links.get_outgoing(link_label_filter='batch%').all()),
    shots=sorted(s for t in node.outputs.shots.values() for s in t.base.attributes.get('shots')) if 'shots' in
    node.outputs else None,
    cleaned=[job.outputs.remote_folder.is_empty for job in node.called_descendants
             if isinstance(job, orm.CalcJobNode) and 'remote_folder' in job.outputs],
    summary=node.outputs.summary.get_dict() if 'summary' in node.outputs else None,
    tally=node.outputs.tally['shots'] if 'tally' in node.outputs else None,
    reports=[log.message for log in orm.Log.collection.get_logs_for(node)],
)))
"""


def story(folder: Path) -> dict[str, Any]:
    found: dict[str, Any] = json.loads(ask(folder, STORY))
    return found


def test_it_stops_by_precision_is_killed_and_extended(profile: Path) -> None:
    (profile / "small.yaml").write_text(yaml.safe_dump(SMALL), encoding="utf-8")
    words = ["--model", "2", "--slab", str(assets.slab()), "--molecule", "C2H2", "--protocol", "fast"]
    words += ["--overrides", "small.yaml", "--precision", "0.47", "--watch", "intact", "--clean", "--wait"]
    launch(profile, *words)
    first = story(profile)
    summary = first["summary"]
    assert (first["status"], summary["stopped_by"]) == (0, "precision"), first
    assert 4 <= summary["n_shots"] < 20 and first["shots"] == list(range(summary["n_shots"]))
    assert summary["sequential"]["half_width"] <= 0.47 and first["jobs"] == summary["n_shots"] / 4
    assert all(first["cleaned"]) and len(first["cleaned"]) == first["jobs"] + 1  # the equilibration's too
    assert sum("share" in line for line in first["reports"]) >= 1

    # 28 are wanted now, one after the other; somebody kills it when it has begun
    (profile / "one.yaml").write_text(yaml.safe_dump({"precision": None, "jobs_at_once": 1}), encoding="utf-8")
    launch(profile, "--extend", str(first["pk"]), "--overrides", "one.yaml", "--n-shots", "28")
    end = time.monotonic() + 400
    while (second := story(profile))["jobs"] < 1 and time.monotonic() < end:
        time.sleep(2.0)
    # on hold: what flies lands, nothing new is submitted; then it goes on where it was
    held = run(profile, "verdi", "process", "pause", str(second["pk"]))
    assert held.returncode == 0, held.stdout + held.stderr
    while story(profile)["running"] and time.monotonic() < end:
        time.sleep(1.0)
    time.sleep(5.0)
    second = story(profile)
    assert (second["running"], second["jobs"], second["ended"]) == (0, 1, False), second
    played = run(profile, "verdi", "process", "play", str(second["pk"]))
    assert played.returncode == 0, played.stdout + played.stderr
    while (second := story(profile))["jobs"] < 2 and time.monotonic() < end:
        time.sleep(1.0)
    assert second["jobs"] == 2 and second["batches"] == ["batch_0000", "batch_0001"], second  # a lane: one at a time
    killed = run(profile, "verdi", "process", "kill", "-F", str(second["pk"]))
    assert killed.returncode == 0, killed.stdout + killed.stderr
    while not (second := story(profile))["ended"] and time.monotonic() < end:
        time.sleep(1.0)
    assert second["summary"] is None and second["shots"] is None

    launch(profile, "--extend", str(second["pk"]), "--jobs-at-once", "3", "--wait")
    third = story(profile)
    summary = third["summary"]
    assert (third["status"], third["tally"], summary["n_shots"], summary["n_lost"]) == (0, [[0, 28]], 28, 0)
    assert summary["n_before"] >= first["summary"]["n_shots"] + 4
    assert third["shots"] == list(range(summary["n_before"], 28))
    assert sum(row["n"] for row in summary["table"]) == 28

    done = run(profile, "aiida-mlgun", "report", str(third["pk"]), "-o", "page")
    assert done.returncode == 0, done.stderr
    taken = summary["n_before"]
    assert f"28 shots finished ({taken} of them taken over from an earlier campaign)." in done.stdout
    count = run(profile, "aiida-mlgun", "shots", "query", "--campaign", str(third["pk"]), "--count")
    assert count.returncode == 0, count.stderr
    rows = [line.split() for line in count.stdout.splitlines()[2:] if line.strip()]
    assert sum(int(row[1]) for row in rows) == 28, count.stdout
