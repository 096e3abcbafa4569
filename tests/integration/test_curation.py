"""Curation through a real daemon: a raw file left where it lies, filtered, described, selected, reported."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path

import pytest

from aiida_mlgun import assets

from .shell import ask, daemon, run

pytestmark = pytest.mark.daemon


@pytest.fixture(scope="module")
def profile(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """A folder with a profile, the code ``mlgun`` on this computer, and a daemon."""
    with daemon(tmp_path_factory.mktemp("curation"), "curation") as folder:
        yield folder


def test_a_raw_path_to_a_selected_training_set(profile: Path) -> None:
    done = run(profile, "aiida-mlgun", "model", "import", "mlgun-compact-1")
    assert done.returncode == 0, done.stderr
    model = ask(
        profile, "print(orm.QueryBuilder().append(orm.Node, filters={'node_type': {'like': '%Model%'}}).one()[0].pk)"
    )
    overrides = {"keep_every": 4, "pool": 60, "describe": {"select": "farthest", "n_select": 30}}
    (profile / "overrides.yaml").write_text(json.dumps(overrides))
    raw = [word for name in ("si001_c2hx_gfn1", "si001_c2hx_gfn1_bad") for word in ("--raw", str(assets.dataset(name)))]
    words = ["launch", "curate", *raw, "--model", model, "--code", "mlgun@localhost", "--overrides", "overrides.yaml"]
    done = run(profile, "aiida-mlgun", *words, "--wait")
    assert done.returncode == 0, done.stdout + done.stderr
    chain = "chain = orm.QueryBuilder().append(orm.WorkChainNode).all(flat=True)[-1]; out = chain.outputs\n"
    found = json.loads(
        ask(
            profile,
            chain
            + "import json; r = out.report.get_dict(); print(json.dumps(dict(n_raw=r['n_raw'], files=len(r['files']),"
            "dropped=sum(s['dropped'] for s in r['steps'] if s['filter'] != 'keep_every'), leaks=r['leaks'],"
            "train=len(out.train), curated=r['counts']['train'], creator=out.train.creator.process_label,"
            "fates=len(out.fates.get_array('fate')), fraction=out.coverage['coverage']['fraction'],"
            "pca=list(out.descriptors.get_array('pca').shape), pool=len(out.pool), pk=chain.pk)))",
        )
    )
    assert (found["n_raw"], found["files"], found["dropped"], found["leaks"]) == (726, 2, 22, {"frames": 0, "runs": 0})
    assert (found["train"], found["creator"]) == (30 + 3, "select_frames")  # the isolated atoms stay
    assert (found["fates"], found["pool"]) == (726, 60)
    assert found["pca"] == [found["curated"] + 3, 2]
    assert 0 < found["fraction"] <= 1
    done = run(profile, "aiida-mlgun", "report", str(found["pk"]), "-o", "page")
    assert "22 dropped by" in done.stdout, done.stderr
    assert {path.name for path in (profile / "page" / "figures").iterdir()} == {
        "curation.png",
        "histograms.png",
        "coverage.png",
    }


def test_what_the_job_refuses_is_the_workflows_exit_code(profile: Path) -> None:
    (profile / "all.yaml").write_text(json.dumps({"min_distance": 2.9}))
    raw = str(assets.dataset("si001_c2hx_gfn1"))
    words = ["launch", "curate", "--raw", raw, "--code", "mlgun@localhost", "--overrides", "all.yaml", "--wait"]
    done = run(profile, "aiida-mlgun", *words)
    assert done.returncode != 0
    assert "[213]" in done.stderr and "too_close dropped 701" in done.stderr
    done = run(profile, "aiida-mlgun", "launch", "curate", "--raw", "here.xyz", "--code", "mlgun@localhost")
    assert "--raw here.xyz: give the absolute path on localhost." in done.stderr
