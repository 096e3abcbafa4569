"""``aiida-mlgun report`` of a campaign: tables, reference, highlight, cost, structures; and what it refuses."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import pytest
from aiida import orm
from aiida.common.links import LinkType
from aiida.engine import ProcessState
from click.testing import Result

from aiida_mlgun.cli.collect_ensemble import efforts_of, ensemble_of, reference_of
from aiida_mlgun.contract.errors import RefusedError
from aiida_mlgun.data.model import ModelData
from aiida_mlgun.data.shots import ShotsData
from aiida_mlgun.science.npz import pack
from tests.nodes import acetylene, chemistry, kept_paths, model_contents, shot_arrays, slab_atoms

Run = Callable[..., Result]
Refusal = Callable[..., str]
pytestmark = pytest.mark.usefixtures("aiida_profile_clean")


def batch(shots: Sequence[int], asked: int = 2, seconds: float = 1800.0, **numbers: Any) -> ShotsData:
    """Stored shots, made by a job; the last of them is intact, the path of the first is kept."""
    job = orm.CalcJobNode()
    parameters = orm.Dict({"dynamics": {"threads": asked}}).store()
    job.base.links.add_incoming(parameters, LinkType.INPUT_CALC, "parameters")
    job.store()
    numbers = {"steps": 40 * len(shots), "seconds": seconds, "shots": len(shots)} | numbers
    results = {"verb": "shoot", "device": "cpu", "wall_seconds": 2000.0, "versions": {}, "numbers": numbers, "seed": 24}
    node = ShotsData(shot_arrays(shots), pack(kept_paths(shots[:1])))
    for name, output in (("results", orm.Dict(results)), ("shots", node)):
        output.base.links.add_incoming(job, LinkType.CREATE, name)
        output.store()
    return node


def gun(*batches: ShotsData, label: str = "") -> orm.WorkChainNode:
    """A finished campaign with these batches."""
    process = orm.WorkChainNode(label=label)
    process.set_process_label("GunWorkChain")
    process.set_process_state(ProcessState.FINISHED)
    inputs = {
        "model": ModelData(model_contents()),
        "slab": orm.StructureData(ase=slab_atoms()),
        "molecule": orm.StructureData(ase=acetylene()),
        "parameters": orm.Dict({"chemistry": chemistry(), "decision": {"max_drift": 0.5}, "seed": 24}),
    }
    for name, node in inputs.items():
        process.base.links.add_incoming(node.store(), LinkType.INPUT_WORK, name)
    process.store()
    for i, node in enumerate(batches):
        node.base.links.add_incoming(process, LinkType.RETURN, f"shots__batch_{i:04d}")
    return process


def test_shots_are_printed_and_written(run: Run, tmp_path: Path) -> None:
    process = gun(batch(range(6)), batch(range(6, 10)))
    other = batch(range(20, 40))
    words = ("--reference", other.uuid, "--highlight", "on_top", "--group", "CC", "--output", tmp_path / "page")
    result = run("report", process.pk, *words)
    assert result.exit_code == 0, result.output
    heading, _, *lines = result.stdout.splitlines()
    assert heading.split()[-2:] == ["of", f"<{other.pk}>"]
    top = next(line for line in lines if line.startswith("on_top CC"))
    assert top.split()[2:5] == ["yes", "8", "0.8"] and top.endswith("95 %")
    assert any("No single share differs beyond chance" in line for line in lines)
    assert any(line.startswith("these shots") and "2 CPU cores" in line for line in lines)
    page = (tmp_path / "page" / "report.html").read_text(encoding="utf-8")
    assert "H100" in page and 'id="viewer-data"' in page and "Yellow: on-top, seen in experiment" in page
    names = {path.name for path in (tmp_path / "page" / "structures").iterdir()}
    assert names == {"on_top_CC_shot0.xyz", "intact_shot5.xyz"}
    assert (tmp_path / "page" / "structures" / "on_top_CC_shot0.xyz").read_text(encoding="utf-8").count("Lattice") == 2


def test_only_shown_shots_are_in_motion() -> None:
    found = ensemble_of(gun(batch(range(3)), batch((3, 4))))
    assert set(found.movies) == {0} and len(found.movies[0].time_fs) == 2
    assert found.precursors == ("precursor",)


def test_cost_is_that_of_the_jobs_that_made_the_shots() -> None:
    (one,) = efforts_of(
        gun(
            batch(range(3)),
            batch((3, 4)),
        )
    )
    assert (one.jobs, one.shots, one.steps, one.seconds, one.units) == (2, 5, 200, 3600.0, 2)
    assert one.hours == 2.0
    several = efforts_of(gun(batch((0, 1), asked=0), batch((2, 3), asked=0, threads=8)))
    assert [effort.units for effort in several] == [None, 8]
    assert efforts_of(gun(ShotsData(shot_arrays((0, 1))).store())) == ()


def test_a_reference_from_a_file_or_from_nodes(tmp_path: Path) -> None:
    path = tmp_path / "aimd.yaml"
    path.write_text("name: AIMD\nsource: a paper\ncounts: {double: 6, intact: 4}\n", encoding="utf-8")
    assert reference_of(str(path)).shares == {"double": 0.6, "intact": 0.4}
    process = gun(batch(range(4)), label="hot")
    found = reference_of(str(process.pk))
    assert (found.name, found.n, found.shares) == ("hot", 4, {"intact": 0.25, "on_top CC": 0.75})
    assert process.uuid in found.source


@pytest.mark.parametrize(
    ("option", "value", "words"),
    [
        ("--highlight", "nowhere", "'nowhere', is in no catalogue. Known: sublayer_double, "),
        ("--group", "OH", "there is no group 'OH' to map. Known: CC."),
        ("--reference", "nothing.yaml", "nothing.yaml: there is no such file and no such node"),
    ],
)
def test_refused(refusal: Refusal, tmp_path: Path, option: str, value: str, words: str) -> None:
    process = gun(batch(range(3)))
    assert words in refusal("report", process.pk, option, value, "--output", tmp_path / "page")
    assert not (tmp_path / "page").exists()


def test_other_nodes_are_no_reference(tmp_path: Path) -> None:
    node = orm.Dict({"a": 1}).store()
    with pytest.raises(RefusedError, match="is a Dict without shots"):
        reference_of(str(node.pk))
    binary = tmp_path / "x.yaml"
    binary.write_bytes(b"\xff\xfe\x00")
    with pytest.raises(RefusedError, match=r"x\.yaml is no text file"):
        reference_of(str(binary))


def test_a_campaign_without_shots_is_refused(refusal: Refusal) -> None:
    process = gun()
    assert f"<{process.pk}> has no shots yet" in refusal("report", process.pk)


def test_options_of_shots_are_refused_elsewhere(refusal: Refusal) -> None:
    process = orm.WorkChainNode()
    process.set_process_label("CurateWorkChain")
    process.set_process_state(ProcessState.FINISHED)
    process.store()
    assert "--highlight and --group are for a gun's report" in refusal("report", process.pk, "--highlight", "on_top")
