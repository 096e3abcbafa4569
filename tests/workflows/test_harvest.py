from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from aiida import orm
from aiida.common.links import LinkType

from aiida_mlgun.contract.errors import RefusedError
from aiida_mlgun.data.frames import FramesData
from aiida_mlgun.data.harvesting.discovery import find_sources, nodes_of_group, nodes_of_pks
from aiida_mlgun.data.harvesting.sources import read_sources
from aiida_mlgun.science.frames import canonical_hash
from aiida_mlgun.workflows.functions import harvest as module
from aiida_mlgun.workflows.functions.harvest import frames_from_outputs, harvest, inputs_for
from tests.harvest_nodes import PW, process, pw, pw_inputs, pw_outputs, trajectory


@pytest.fixture(autouse=True)
def profile(aiida_profile_clean: Any) -> None:
    pass


def names(sources: Any) -> list[str]:
    return [source.name for source in sources]


def test_raw_calculations_to_frames_is_a_link_in_the_graph() -> None:
    calculations = [pw(), pw(late=True)]
    sources, unusable = find_sources(calculations)
    assert not unusable
    frames = frames_from_outputs(**inputs_for(sources, "molecule", "PBE-D3"))
    assert isinstance(frames, FramesData)
    assert len(frames) == 10
    held = frames.frames()
    assert held.positions.reshape(2, 5, 4, 3)[1] == pytest.approx(PW["positions"], abs=1e-8)
    assert held.energy == pytest.approx(np.tile(PW["energy"], 2), abs=1e-5)
    assert held.tag("run").tolist() == [c.uuid.split("-")[0] for c in calculations for _ in range(5)]
    assert frames.base.attributes.get("strata") == {"molecule": 10}
    assert frames.base.attributes.get("levels") == {"PBE-D3": 10}
    links = frames.creator.base.links.get_incoming(link_type=LinkType.INPUT_CALC)
    given = {entry.link_label: entry.node.pk for entry in links}
    assert given["c00000__output_trajectory"] == calculations[0].outputs.output_trajectory.pk
    assert given["c00001__input_structure"] == calculations[1].inputs.structure.pk
    query = orm.QueryBuilder().append(orm.CalcJobNode, tag="c", project="id").append(FramesData, with_ancestors="c")
    assert set(query.all(flat=True)) == {calculation.pk for calculation in calculations}
    source = frames.base.attributes.get("source")["nodes"]
    assert source[1]["notes"] == ["geometries were stored one step late: put back, the starting structure first"]
    assert source[0]["names"]["forces"] == "output_trajectory.forces"


def test_equal_content_has_an_equal_hash() -> None:
    sources, _ = find_sources([pw()])
    first, second = (frames_from_outputs(**inputs_for(sources)) for _ in range(2))
    assert first.content_hash == second.content_hash


def test_many_calculations_go_in_batches_to_one_node(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "BATCH", 2)
    calculations = [pw(), pw(late=True), pw(energy_accuracy=None)]
    sources, _ = find_sources(calculations)
    merged = harvest(sources, "molecule", "PBE-D3")
    assert merged.content_hash == canonical_hash(read_sources(sources, "molecule", "PBE-D3")[0])
    assert merged.frames().tag("run").tolist() == [c.uuid.split("-")[0] for c in calculations for _ in range(5)]
    query = orm.QueryBuilder().append(orm.CalcJobNode, tag="c", project="id")
    query.append(FramesData, with_ancestors="c", filters={"id": merged.pk})
    assert set(query.all(flat=True)) == {calculation.pk for calculation in calculations}
    assert [node.base.attributes.get("exit_status") for node in _functions()] == [0, 0, 0]


def test_nothing_is_stored_when_one_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "BATCH", 1)
    sources, _ = find_sources([pw(), pw(forces=None)])
    with pytest.raises(RefusedError, match="has no forces"):
        harvest(sources)
    assert _functions() == []


def _functions() -> list[Any]:
    return orm.QueryBuilder().append(orm.CalcFunctionNode).all(flat=True)


def test_a_refusal_in_the_calcfunction() -> None:
    with pytest.raises(RefusedError, match="no calculation to take frames from"):
        harvest([])
    with pytest.raises(RefusedError, match="give a namespace of nodes"):
        frames_from_outputs(settings=orm.Dict({}), c0=orm.Dict({}))


def base_workchain(exit_status: int = 0) -> tuple[orm.WorkChainNode, list[orm.CalcJobNode]]:
    """A PwBaseWorkChain whose first calculation failed, returning what the second made, within a PwRelaxWorkChain."""
    relax = process(orm.WorkChainNode, "PwRelaxWorkChain", {}, exit_status=exit_status)
    base = process(orm.WorkChainNode, "PwBaseWorkChain", {}, exit_status=exit_status, caller=relax)
    jobs = []
    for status in (410, 0):
        job = process(orm.CalcJobNode, "PwCalculation", pw_outputs(), pw_inputs(), status, base)
        jobs.append(job)
    for workchain in (base, relax):
        for label in ("output_trajectory", "output_parameters", "output_structure"):
            jobs[1].outputs[label].base.links.add_incoming(workchain, LinkType.RETURN, label)
    return relax, jobs


def test_a_workflow_stands_for_the_calculation_that_made_what_it_returns() -> None:
    relax, jobs = base_workchain()
    sources, unusable = find_sources([relax])
    assert (names(sources), unusable) == ([f"PwCalculation<{jobs[1].pk}>"], [])
    assert sources[0].run == jobs[1].uuid.split("-")[0]
    assert set(sources[0].nodes) == {
        "output_trajectory",
        "output_parameters",
        "output_structure",
        "input_structure",
        "input_parameters",
    }
    sources, unusable = find_sources([relax, jobs[1]])
    assert len(sources) == 1


def test_descending_takes_all_calculations_and_lists_the_failed() -> None:
    relax, jobs = base_workchain()
    sources, unusable = find_sources([relax], descend=True)
    assert names(sources) == [f"PwCalculation<{jobs[1].pk}>"]
    assert [(entry.name, entry.reason) for entry in unusable] == [
        (f"PwCalculation<{jobs[0].pk}>", "failed with exit code 410: something broke")
    ]
    sources, unusable = find_sources([relax], descend=True, accept=[410])
    assert (len(sources), unusable) == (2, [])


def test_failed_and_running_processes_are_not_taken() -> None:
    relax, _ = base_workchain(exit_status=401)
    empty = process(orm.WorkChainNode, "PwBandsWorkChain", {})
    failed, running = pw(exit_status=305), pw(exit_status=None)
    sources, unusable = find_sources([relax, empty, failed, running])
    assert sources == []
    assert {entry.name: entry.reason for entry in unusable} == {
        f"PwRelaxWorkChain<{relax.pk}>": "failed with exit code 401: something broke",
        f"PwBandsWorkChain<{empty.pk}>": "returns no trajectory and no forces",
        f"PwCalculation<{failed.pk}>": "failed with exit code 305: something broke",
        f"PwCalculation<{running.pk}>": "not finished (running)",
    }


def test_a_trajectory_stands_for_its_calculation() -> None:
    calculation = pw()
    sources, _ = find_sources([calculation.outputs.output_trajectory, calculation])
    assert names(sources) == [f"PwCalculation<{calculation.pk}>"]
    failed = pw(exit_status=305)
    assert find_sources([failed.outputs.output_trajectory])[1][0].name == f"PwCalculation<{failed.pk}>"
    arrays = {name: PW[name] for name in ("positions", "energy", "forces")} | {"steps": np.arange(5)}
    said = {"units|energy": "eV", "units|forces": "eV/angstrom"}
    loose = trajectory(["C", "C", "H", "H"], arrays, **said).store()
    sources, _ = find_sources([loose])
    frames = frames_from_outputs(**inputs_for(sources))
    assert frames.frames().energy == pytest.approx(PW["energy"])
    assert frames.frames().tag("run").tolist() == [loose.uuid.split("-")[0]] * 5


def test_nodes_by_pk_and_group() -> None:
    calculations = [pw(), pw()]
    group = orm.Group("reference").store()
    with pytest.raises(RefusedError, match="the group 'reference' is empty"):
        nodes_of_group("reference")
    group.add_nodes(calculations)
    pks = [node.pk for node in calculations]
    assert [node.pk for node in nodes_of_group("reference")] == pks
    assert [node.pk for node in nodes_of_pks([pks[1], pks[0], pks[1]])] == [pks[1], pks[0]]
    with pytest.raises(RefusedError, match="there is no group 'nothing'"):
        nodes_of_group("nothing")
    with pytest.raises(RefusedError, match="there is no node 99999"):
        nodes_of_pks([pks[0], 99999])
    with pytest.raises(RefusedError, match="is no calculation, no workflow and no TrajectoryData"):
        find_sources([orm.Int(3).store()])


def test_the_number_of_queries_does_not_grow_with_the_calculations(monkeypatch: pytest.MonkeyPatch) -> None:
    asked: list[Any] = []
    iterall = orm.QueryBuilder.iterall
    monkeypatch.setattr(orm.QueryBuilder, "iterall", lambda *a, **k: (asked.append(1), iterall(*a, **k))[1])
    calculations = [pw() for _ in range(4)]
    asked.clear()
    find_sources(calculations[:1])
    few = len(asked)
    asked.clear()
    sources, _ = find_sources(calculations)
    assert (len(sources), len(asked)) == (4, few)
