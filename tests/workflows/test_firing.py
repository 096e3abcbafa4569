"""What a campaign makes of the ends of its batches: the steps of ``mlgun.gun`` are real, its batches never ran."""

from __future__ import annotations

import functools
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from aiida import orm
from aiida.common.links import LinkType
from aiida.engine import ExitCode, ProcessState
from aiida.engine.utils import instantiate_process
from aiida.manage import get_manager
from aiida.orm.utils.serialize import serialize

from aiida_mlgun.contract.status import BY_NAME
from aiida_mlgun.data.frames import FramesData
from aiida_mlgun.data.shots import ShotsData
from aiida_mlgun.data.tallied import all_tables
from aiida_mlgun.workflows import firing
from aiida_mlgun.workflows.extension import extending
from aiida_mlgun.workflows.gun import GunWorkChain
from tests.nodes import acetylene, shot_arrays, slab_atoms, states

from .stages import reports
from .test_refusals import gun

#: Batch and attempt → exit code and shots of its table; all others finish with all their shots.
Ends = dict[str, tuple[int | None, list[int]]]
SHORT = {"n_shots": 12, "shots_per_job": 4, "jobs_at_once": 2}


@functools.cache
def _alike(n: int) -> dict[str, Any]:
    return shot_arrays(range(n), "double")


def table(shots: list[int]) -> ShotsData:
    """Shots that come from ten slab states and five of the molecule; every third binds."""
    arrays = dict(_alike(len(shots)))
    arrays["shot"], arrays["seed"] = np.array(shots), np.array(shots) + 900
    arrays["outcome"] = np.array(["double" if shot % 3 == 0 else "intact" for shot in shots])
    arrays["slab_state"], arrays["molecule_state"] = np.array(shots) % 10, np.array(shots) // 2 % 5
    return ShotsData(arrays)


class Campaign:
    """A campaign whose batches end as they are told when it waits."""

    def __init__(self, code: orm.Code, ends: Ends | None = None, **inputs: Any) -> None:
        ready = {"slab_states": FramesData(states(slab_atoms())), "molecule_states": FramesData(states(acetylene()))}
        given = {**ready, **inputs, "code": code}
        process = instantiate_process(get_manager().get_runner(), GunWorkChain, **given)
        assert isinstance(process, GunWorkChain)
        self.chain, self.ends, self.most = process, ends or {}, 0
        self.sent: list[tuple[str, int, int, bool]] = []  # label, first shot, shots, from a checkpoint
        process.submit = self.submit  # type: ignore[method-assign]

    def submit(self, _: Any, **inputs: Any) -> orm.ProcessNode:
        label = inputs["metadata"]["call_link_label"]
        parameters = inputs["parameters"].get_dict()
        first, n = parameters["first_shot"], parameters["n_shots"]
        self.sent.append((label, first, n, "checkpoint" in inputs))
        code, shots = self.ends.get(label, (0, list(range(first, first + n))))
        node = orm.WorkChainNode()
        node.base.links.add_incoming(self.chain.node, LinkType.CALL_WORK, label)
        node.set_process_label("ShootWorkChain")
        node.store()
        job = orm.CalcJobNode(computer=inputs["code"].computer)
        job.base.links.add_incoming(node, LinkType.CALL_CALC, "iteration_01")
        job.store()
        outputs: dict[str, orm.Data] = {"shots": table(shots)} if shots else {}
        if code == BY_NAME["wall_time"].code:
            outputs["checkpoint"] = orm.FolderData()
        for name, data in outputs.items():
            data.base.links.add_incoming(job, LinkType.CREATE, name)
            data.store()
            data.base.links.add_incoming(node, LinkType.RETURN, name)
        node.set_process_state(ProcessState.KILLED if code is None else ProcessState.FINISHED)
        if code is not None:
            node.set_exit_status(code)
            node.set_exit_message("what the batch said" if code else "")
        return node

    def fly(self) -> ExitCode | None:
        """The outline, step by step."""
        chain = self.chain
        chain.setup()
        assert not chain.needs_states()
        chain.begin()
        while chain.is_short():
            chain.plan()
            while chain.has_batches():
                chain.shoot()
                self.most = max(self.most, len(chain.ctx.running))
                assert len(chain.ctx.fresh) <= firing.TOGETHER
                chain.inspect_batches()
            if (wrong := chain.look()) is not None:
                return wrong  # type: ignore[no-any-return]
        found: ExitCode | None = chain.collect()
        chain.update_outputs()
        return found

    @property
    def summary(self) -> dict[str, Any]:
        found: dict[str, Any] = self.chain.outputs["summary"].get_dict()
        return found

    @property
    def labels(self) -> list[str]:
        return [label for label, *_ in self.sent]


Fly = Callable[..., Campaign]


@pytest.fixture
def campaign(aiida_code_installed: Callable[..., orm.InstalledCode]) -> Fly:
    """``campaign(ends, n_shots=…, …)``: parameters by name; ``inputs`` of the WorkChain beside them."""

    def make(ends: Ends | None = None, inputs: dict[str, Any] | None = None, **parameters: Any) -> Campaign:
        code = aiida_code_installed(filepath_executable="bash")
        return Campaign(code, ends, **gun(parameters=SHORT | parameters, **(inputs or {})))

    return make


def status(code: ExitCode | None) -> int:
    return 0 if code is None else int(code.status)


def test_all_shots_fly_once_and_no_more_batches_than_allowed_run(campaign: Fly) -> None:
    run = campaign(n_shots=14)
    assert status(run.fly()) == 0
    assert run.sent == [
        *(("batch_0000", 0, 4, False), ("batch_0001", 4, 4, False)),
        *(("batch_0002", 8, 4, False), ("batch_0003", 12, 2, False)),
    ]
    assert run.most == 2
    found = run.summary
    assert (found["n_shots"], found["n_asked"], found["n_lost"], found["stopped_by"]) == (14, 14, 0, "shots")
    assert (found["n_bound"], found["lost"], found["sequential"]) == (5, [], None)
    assert list(run.chain.outputs["shots"]) == [f"batch_000{i}" for i in range(4)]
    assert run.chain.outputs["tally"]["shots"] == [[0, 14]] and "look" not in run.chain.outputs
    assert found["clustered"]["n_states"] == [10, 5]
    wide, plain = found["clustered"]["sticking"], found["sticking"]
    assert wide["low"] <= plain["low"] < plain["p"] == wide["p"] < plain["high"] <= wide["high"]


def test_many_batches_are_counted_in_parts(campaign: Fly, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(firing, "TOGETHER", 2)
    run = campaign(n_shots=10, shots_per_job=2, jobs_at_once=None)
    assert status(run.fly()) == 0
    tally = run.chain.outputs["tally"]
    assert tally["n_shots"] == 10 and "before" not in tally.creator.inputs  # all ended together: one part
    run = campaign(n_shots=10, shots_per_job=2, jobs_at_once=1)
    assert status(run.fly()) == 0
    tally = run.chain.outputs["tally"]
    assert tally["shots"] == [[0, 10]] and tally.creator.inputs.before["shots"] == [[0, 8]]
    assert len(all_tables(tally)) == 5 == len(run.chain.outputs["shots"])


def test_a_checkpoint_does_not_grow_with_the_number_of_batches(campaign: Fly) -> None:
    sizes = []
    for n_shots in (40, 40_000_000):
        chain = campaign(n_shots=n_shots).chain
        chain.setup()
        chain.begin()
        chain.plan()
        chain.shoot()
        chain.inspect_batches()
        sizes.append(len(serialize(chain.ctx)))
    assert sizes[1] < sizes[0] + 100


def test_a_batch_that_was_cut_off_goes_on_from_its_checkpoint(campaign: Fly) -> None:
    run = campaign({"batch_0001": (BY_NAME["wall_time"].code, [4, 6])})
    assert status(run.fly()) == 0
    assert ("batch_0001_again_1", 4, 4, True) in run.sent and len(run.sent) == 4
    assert (run.summary["n_shots"], run.summary["n_lost"]) == (12, 0)
    assert "2 of its 4 shots miss" in reports(run.chain.node)
    assert "batch_0001 is flown again from its checkpoint" in reports(run.chain.node)


def test_a_killed_batch_is_flown_again_from_its_start(campaign: Fly) -> None:
    run = campaign({"batch_0000": (None, [])})
    assert status(run.fly()) == 0
    assert ("batch_0000_again_1", 0, 4, False) in run.sent
    assert run.summary["n_shots"] == 12 and "was killed; 4 of its 4 shots miss" in reports(run.chain.node)


def test_lost_shots_are_named_and_the_others_count(campaign: Fly) -> None:
    unexpected = BY_NAME["unexpected"].code
    run = campaign({"batch_0001": (unexpected, [4, 7]), "batch_0001_again_1": (unexpected, [4])})
    code = run.fly()
    assert code is not None and code.status == BY_NAME["shots_lost"].code
    assert "2 of 12, first those of batch_0001 <" in str(code.message) and "what the batch said" in str(code.message)
    found = run.summary
    assert (found["n_shots"], found["n_asked"], found["n_lost"], found["lost"]) == (10, 12, 2, [[5, 7]])
    (batch,) = found["lost_batches"]
    assert (batch["label"], batch["exit_status"], batch["partly"]) == ("batch_0001", unexpected, True)
    sticking = found["sticking"]
    assert sticking["if_lost_low"] == pytest.approx(3 / 12) and sticking["if_lost_high"] == pytest.approx(5 / 12)
    assert found["remarks"][0] == "2 shots were lost and are in no share: 5-6."
    assert "the shares of slow outcomes are too low" in found["remarks"][1]
    assert found["remarks"][1] in reports(run.chain.node)


def test_no_retry_where_it_cannot_help(campaign: Fly) -> None:
    refused = campaign({"batch_0000": (BY_NAME["geometry_refused"].code, [])})
    assert status(refused.fly()) == BY_NAME["shots_lost"].code and refused.labels == [f"batch_000{i}" for i in range(3)]
    never = campaign({"batch_0000": (BY_NAME["unexpected"].code, [])}, retries=0)
    assert status(never.fly()) == BY_NAME["shots_lost"].code and len(never.sent) == 3


def test_batches_that_flew_all_and_failed_nevertheless(campaign: Fly) -> None:
    drift = BY_NAME["energy_drift"].code
    run = campaign({"batch_0001": (drift, [4, 5, 6, 7]), "batch_0002": (drift, [8, 9, 10, 11])})
    code = run.fly()
    assert code is not None and code.status == drift and "2 of 3 batches, first batch_0001" in str(code.message)
    assert (run.summary["n_shots"], run.summary["n_lost"], len(run.sent)) == (12, 0, 3)


def test_when_nothing_comes_the_batches_own_code_stands(campaign: Fly) -> None:
    bad = BY_NAME["schema_mismatch"].code
    ends: Ends = {f"batch_000{i}{more}": (bad, []) for i in range(9) for more in ("", "_again_1")}
    run = campaign(ends, n_shots=4000)
    assert status(run.fly()) == bad
    assert len(run.sent) < 12  # of a thousand batches
    assert "batches failed one after the other: no further one is submitted" in reports(run.chain.node)


def test_failures_in_a_row_end_the_submission_and_keep_what_there_is(campaign: Fly) -> None:
    bad = BY_NAME["unexpected"].code
    ends: Ends = {f"batch_{i:04d}": (bad, []) for i in range(1, 20)}
    run = campaign(ends, n_shots=400, retries=0)
    assert status(run.fly()) == BY_NAME["shots_lost"].code
    found = run.summary
    assert (found["stopped_by"], found["n_shots"]) == ("failures", 4) and found["n_asked"] < 30


@pytest.mark.parametrize(("refused", "n_shots"), [("batch_0000", 0), ("batch_0002", 8)])
def test_a_batch_that_is_refused_ends_the_campaign_by_name(campaign: Fly, refused: str, n_shots: int) -> None:
    run = campaign(n_shots=400)
    real = run.submit

    def submit(process: Any, **inputs: Any) -> orm.ProcessNode:
        if inputs["metadata"]["call_link_label"] == refused:  # the real validator of the real WorkChain speaks
            inputs["parameters"] = orm.Dict(inputs["parameters"].get_dict() | {"n_shots": -1})
            instantiate_process(get_manager().get_runner(), process, **inputs)
        return real(process, **inputs)

    run.chain.submit = submit  # type: ignore[method-assign]
    code = run.fly()
    assert code is not None and code.status == BY_NAME["input_refused"].code
    assert f"{refused} was not submitted" in str(code.message) and "n_shots" in str(code.message)
    assert refused not in run.labels and len(run.sent) <= 2
    if n_shots:
        found = run.summary
        assert (found["n_shots"], found["n_lost"], found["stopped_by"]) == (n_shots, 0, "failures")


def test_it_stops_by_precision(campaign: Fly) -> None:
    run = campaign(n_shots=4000, shots_per_job=10, jobs_at_once=6, precision={"half_width": 0.2, "watched": ["intact"]})
    assert status(run.fly()) == 0
    found = run.summary
    assert found["stopped_by"] == "precision" and 50 < found["n_shots"] < 500
    assert found["n_asked"] == found["n_shots"] == len(run.sent) * 10 and run.most <= 6
    told = found["sequential"]
    assert told["stop"] and told["half_width"] <= 0.2 and told["sentence"].endswith("enough.")
    assert told["sentence"] in reports(run.chain.node)
    (row,) = told["intervals"]
    assert row["low"] < 2 / 3 < row["high"]
    behind = run.chain.outputs["look"].creator.inputs
    assert behind.tally.pk == run.chain.outputs["tally"].pk and run.chain.ctx.n_waves > 1


def test_the_budget_may_end_before_the_precision_is_reached(campaign: Fly) -> None:
    run = campaign(precision={"half_width": 0.05})
    code = run.fly()
    assert code is not None and code.status == BY_NAME["precision_missed"].code
    assert "(asked: ±5 %)" in str(code.message) and run.summary["n_shots"] == 12


def test_hours_end_the_submission(campaign: Fly) -> None:
    run = campaign(max_hours=1e-7, precision={"half_width": 0.05})
    assert status(run.chain.setup()) == 0
    run.chain.begin()
    assert not run.chain.is_short() and run.chain.ctx.stopped_by == "hours"


def ended(run: Campaign, kill: bool = False) -> orm.WorkChainNode:
    """The campaign's node as the engine leaves it."""
    node = run.chain.node
    node.set_process_label("GunWorkChain")
    node.set_process_state(ProcessState.KILLED if kill else ProcessState.FINISHED)
    if not kill:
        node.set_exit_status(0)
    return node


def extend(run: Campaign, ends: Ends | None = None, kill: bool = False, **overrides: Any) -> Campaign:
    builder = extending(ended(run, kill), overrides)
    inputs = {name: value for name, value in builder._inputs(prune=True).items() if name not in ("code", "metadata")}
    return Campaign(builder.code, ends, **inputs)


def test_an_extension_flies_what_was_lost_and_then_further(campaign: Fly) -> None:
    unexpected = BY_NAME["unexpected"].code
    first = campaign({"batch_0001": (unexpected, [4, 7])}, retries=0)
    assert status(first.fly()) == BY_NAME["shots_lost"].code
    later = extend(first, n_shots=18)
    assert status(later.fly()) == 0
    assert [row[1:3] for row in later.sent] == [(5, 2), (12, 4), (16, 2)]
    found = later.summary
    assert (found["n_shots"], found["n_before"], found["n_lost"], found["n_asked"]) == (18, 10, 0, 18)
    assert later.chain.outputs["tally"]["shots"] == [[0, 18]] and found["n_bound"] == 6
    assert list(later.chain.outputs["shots"]) == [f"batch_000{i}" for i in range(3)]
    shots = [shot for one in all_tables(later.chain.outputs["tally"]) for shot in one.base.attributes.get("shots")]
    assert sorted(shots) == list(range(18))
    third = extend(later, n_shots=20)
    assert status(third.fly()) == 0 and third.summary["n_shots"] == 20 and third.summary["n_before"] == 18


def test_a_killed_campaign_leaves_its_shots(campaign: Fly) -> None:
    run = campaign({"batch_0001": (BY_NAME["wall_time"].code, [4, 6])}, n_shots=40)
    chain = run.chain
    chain.setup()
    chain.begin()
    chain.plan()
    chain.shoot()
    chain.inspect_batches()
    chain.shoot()  # batch 1 again, and batch 2; then somebody kills it
    chain.update_outputs()
    later = extend(run, kill=True)
    assert status(later.fly()) == 0
    assert later.sent[0][1:3] == (12, 4) and later.summary["n_before"] == 12
    assert (later.summary["n_shots"], later.summary["n_asked"]) == (40, 40)


def test_an_extension_keeps_the_sequence_of_intervals(campaign: Fly) -> None:
    first = campaign(n_shots=60, jobs_at_once=20, precision={"half_width": 0.25, "watched": ["intact"]})
    first.fly()
    later = extend(first, n_shots=80, precision={"half_width": 0.2})
    asked = later.chain.inputs.parameters["precision"]
    assert asked == {"half_width": 0.2, "watched": ["intact"], "alpha": 0.05, "tuned_for": 0.25}
    third = extend(first, n_shots=80, precision=None)
    assert third.chain.inputs.parameters["precision"] is None


def test_an_extension_that_has_what_it_wants_shoots_nothing(campaign: Fly) -> None:
    first = campaign(n_shots=60, jobs_at_once=20)
    first.fly()
    later = extend(first, n_shots=70, precision={"half_width": 0.45, "watched": ["intact"]})
    assert status(later.fly()) == 0
    assert later.sent == [] and later.summary["stopped_by"] == "precision" and later.summary["n_asked"] == 60


@pytest.mark.parametrize(
    ("overrides", "words"),
    [
        ({"n_shots": 20, "dynamics": {"timestep_fs": 0.25}}, "dynamics.timestep_fs was 0.5 there and is 0.25 here"),
        ({"n_shots": 20, "seed": 5}, "seed was 24 there and is 5 here"),
        ({"n_shots": 20, "aim": {"height": 9.5}}, "aim.height was 9.0 there and is 9.5 here"),
        ({}, "are there already; n_shots is the number of all shots, those taken over included"),
    ],
)
def test_what_differs_is_named(campaign: Fly, overrides: dict[str, Any], words: str) -> None:
    run = campaign()
    run.fly()
    with pytest.raises(ValueError) as caught:
        extend(run, **overrides)
    assert words in str(caught.value)
