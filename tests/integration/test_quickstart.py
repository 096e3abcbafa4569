"""The whole path through a real daemon, as a new user starts it, and what its provenance must answer."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from .shell import ask, run

HERE = Path(__file__).parent

pytestmark = pytest.mark.daemon


@pytest.fixture(scope="module")
def finished(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, str]:
    """A folder in which the quickstart ran once, and what it printed."""
    folder = tmp_path_factory.mktemp("quickstart")
    done = run(folder, "aiida-mlgun", "quickstart", "--recipe", str(HERE / "small.yaml"), timeout=800)
    assert done.returncode == 0, (done.stdout + done.stderr)[-3000:]
    return folder, done.stdout


def test_the_user_sees_a_table_a_page_and_an_archive(finished: tuple[Path, str]) -> None:
    folder, printed = finished
    assert "outcome" in printed and "95 % CI" in printed and "verdi process report" in printed
    page = (folder / "quickstart_output" / "report.html").read_text(encoding="utf-8")
    assert "C₂H₂" in page or "C2H2" in page
    assert "default-src 'none'" in page  # what the viewer's library says in its comments is not fetched
    own = re.sub(r"(<script[^>]*>).*?</script>", r"\1</script>", page, flags=re.DOTALL)
    assert "http://" not in own.replace("http://www.w3.org", "") and "https://" not in own
    figures = {path.stem for path in (folder / "quickstart_output" / "figures").iterdir()}
    assert {"outcomes", "sampling", "training", "curation"} <= figures
    assert (folder / "quickstart_output" / "quickstart.aiida").stat().st_size > 1e5


def test_the_daemon_is_stopped_and_no_other_profile_was_made(finished: tuple[Path, str]) -> None:
    folder, _ = finished
    status = run(folder, "verdi", "daemon", "status")
    assert "not running" in (status.stdout + status.stderr)
    profiles = run(folder, "verdi", "profile", "list").stdout
    assert profiles.count("mlgun-quickstart") == 1


LINEAGE = """
from aiida_mlgun.data.frames import FramesData
from aiida_mlgun.data.model import ModelData
from aiida_mlgun.data.shots import ShotsData
from aiida.plugins import CalculationFactory
Train, Curate = CalculationFactory('mlgun.train'), CalculationFactory('mlgun.curate')
one = orm.QueryBuilder().append(ShotsData, project=['id', 'attributes.outcomes']).order_by({ShotsData: {'id': 'desc'}})
pk, outcomes = one.first()
qb = orm.QueryBuilder()
qb.append(ShotsData, tag='shots', filters={'id': pk, 'attributes.outcomes': {'contains': [outcomes[0]]}})
qb.append(ModelData, with_descendants='shots', tag='model', project=['attributes.name'])
qb.append(Train, with_outgoing='model', tag='stage', project=['label'])
qb.append(FramesData, with_outgoing='stage', edge_filters={'label': 'train'}, tag='dataset', project=['id'])
qb.append(Curate, with_outgoing='dataset', tag='curation')
qb.append(FramesData, with_outgoing='curation', tag='raw', project=['attributes.source.files'])
rows = sorted({(name, stage, files[0]['name']) for name, stage, _, files in qb.all()})
print(rows)
"""


def test_one_query_leads_from_an_outcome_to_the_raw_import(finished: tuple[Path, str]) -> None:
    folder, _ = finished
    assert ask(folder, LINEAGE) == str(
        [
            ("gfn1-xtb", "stage_1", "si001_c2hx_gfn1.extxyz.xz"),
            ("pbe-d3", "stage_2", "si001_c2hx_pbe_d3.extxyz.xz"),
        ]
    )


def test_a_shot_comes_out_as_frames_with_provenance(finished: tuple[Path, str]) -> None:
    folder, _ = finished
    script = """
from aiida_mlgun.data.shots import ShotsData
from aiida_mlgun.workflows.functions.shots import extract_shot
node = orm.QueryBuilder().append(ShotsData).first()[0]
shot = node.base.attributes.get('shots')[0]
frames = extract_shot(node, orm.Int(shot))
outcome = str(node.arrays()['outcome'][0])
print(len(frames) > 1, frames.creator.process_label, list(frames.base.attributes.get('strata')) == [outcome])
"""
    assert ask(folder, script) == "True extract_shot True"


def test_a_second_run_takes_equal_jobs_from_the_cache(finished: tuple[Path, str]) -> None:
    folder, _ = finished
    done = run(folder, "aiida-mlgun", "quickstart", "--recipe", str(HERE / "small.yaml"), timeout=800)
    assert done.returncode == 0, (done.stdout + done.stderr)[-3000:]
    for job in ("curate", "stage_1", "stage_2", "equilibrate", "batch_0000", "batch_0001"):
        lines = [line for line in done.stdout.splitlines() if f"{job} <" in line and "done" in line]
        assert lines and "(from cache)" in lines[-1], (job, lines)


def test_the_archive_opens_in_an_empty_profile(finished: tuple[Path, str], tmp_path: Path) -> None:
    folder, _ = finished
    archive = folder / "quickstart_output" / "quickstart.aiida"
    assert run(tmp_path, "verdi", "presto", "--use-zeromq", "-n", "-p", "empty").returncode == 0
    done = run(tmp_path, "verdi", "-p", "empty", "archive", "import", str(archive))
    assert done.returncode == 0, (done.stdout + done.stderr)[-2000:]
    script = """
from aiida_mlgun.data.shots import ShotsData
rows = orm.QueryBuilder().append(ShotsData, project=['attributes.n_shots', '*']).all()
print(sum(n for n, _ in rows), all(len(node.to_pandas()) == n for n, node in rows))
"""
    assert ask(tmp_path, script) == "4 True"


def test_a_remote_failure_has_a_name_and_says_what_to_do(finished: tuple[Path, str]) -> None:
    folder, _ = finished
    script = """
from aiida.engine import run_get_node
from aiida.plugins import CalculationFactory
from aiida_mlgun.data.frames import FramesData
raw = orm.QueryBuilder().append(FramesData, filters={'attributes.source': {'has_key': 'files'}}).first()[0]
inputs = {'code': orm.load_code('mlgun'), 'frames': raw, 'parameters': orm.Dict({'max_force': 1e-9})}
_, node = run_get_node(CalculationFactory('mlgun.curate'), **inputs)
print(node.exit_status, node.exit_message)
"""
    answer = ask(folder, script)
    assert answer.startswith("213 The filters left too few frames")
    assert "Loosen the filter" in answer
