"""Submission while the broker is away, with a broker that fails on demand; a real one: ``tests/production``."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import aiormq
import kiwipy
import pytest
from aiida import orm
from aiida.common.extendeddicts import AttributeDict
from aiida.common.links import LinkType
from aiida.engine import ProcessState
from aiida.plugins import WorkflowFactory
from aiida.plugins.entry_point import get_entry_point_names

from aiida_mlgun.workflows import steady
from aiida_mlgun.workflows.steady import SteadyMixin

pytestmark = pytest.mark.usefixtures("aiida_profile_clean")


class Engine:
    """Does what AiiDA's ``submit`` does, step by step, and fails where it is told to."""

    def __init__(self) -> None:
        self.node = orm.WorkChainNode().store()
        self.ctx: Any = AttributeDict()
        self.reported: list[str] = []
        self.runner: Any = SimpleNamespace(controller=SimpleNamespace(continue_process=self.queue))
        self.fail_before: list[Exception] = []
        self.fail_after: list[Exception] = []
        self.queued: list[int] = []

    def report(self, text: str) -> None:
        self.reported.append(text)

    def queue(self, pk: int, nowait: bool, no_reply: bool) -> None:
        if self.fail_after:
            raise self.fail_after.pop(0)
        self.queued.append(pk)

    def submit(self, process: Any, inputs: Any = None, **kwargs: Any) -> orm.ProcessNode:
        part = orm.WorkChainNode()
        part.set_process_state(ProcessState.CREATED)
        label = kwargs.get("metadata", {}).get("call_link_label", f"part_{len(self.node.called)}")
        part.base.links.add_incoming(self.node, LinkType.CALL_WORK, label)
        part.store()
        if self.fail_before:
            raise self.fail_before.pop(0)
        part.set_checkpoint("as it was created")
        self.queue(part.pk, nowait=False, no_reply=True)
        return part


class Chain(SteadyMixin, Engine):
    pass


@pytest.fixture
def chain(monkeypatch: pytest.MonkeyPatch) -> Chain:
    monkeypatch.setattr(steady, "PAUSE", 0.01)
    return Chain()


def away() -> Exception:
    return aiormq.exceptions.ChannelInvalidStateError("closed")


@pytest.mark.parametrize(
    "name", [name for name in get_entry_point_names("aiida.workflows") if name.startswith("mlgun.")]
)
def test_no_workflow_uses_its_names_for_something_else(name: str) -> None:
    chain = WorkflowFactory(name)
    assert issubclass(chain, SteadyMixin)
    own = [key for key in vars(SteadyMixin) if not key.startswith("__") and callable(getattr(SteadyMixin, key))]
    assert "submit" in own and all(getattr(chain, key) is getattr(SteadyMixin, key) for key in own)


def test_without_trouble_it_is_aiidas_own(chain: Chain) -> None:
    part = chain.submit("process")
    assert chain.queued == [part.pk]


@pytest.mark.parametrize("error", [away(), kiwipy.TimeoutError(), kiwipy.CommunicatorClosed(), ConnectionError()])
def test_a_stored_part_is_queued_again_and_not_made_again(chain: Chain, error: Exception) -> None:
    chain.submit("one before")
    chain.fail_after = [error, away()]
    if type(error) is ConnectionError:  # not the broker's: nobody knows what it means
        with pytest.raises(ConnectionError):
            chain.submit("process")
        return
    part = chain.submit("process")
    assert chain.queued[1:] == [part.pk]
    assert len(chain.node.called) == 2


def test_a_part_that_got_through_is_not_queued_twice(chain: Chain, monkeypatch: pytest.MonkeyPatch) -> None:
    chain.fail_after = [kiwipy.TimeoutError()]
    monkeypatch.setattr(steady.time, "sleep", lambda seconds: chain.node.called[0].set_process_state("running"))
    part = chain.submit("process")
    assert chain.queued == []
    assert part.pk == chain.node.called[0].pk


def test_a_part_without_a_checkpoint_is_given_up_and_made_again(chain: Chain) -> None:
    chain.fail_before = [away(), away()]
    part = chain.submit("process")
    assert chain.queued == [part.pk]
    given_up = [node for node in chain.node.called if node.pk != part.pk]
    assert len(given_up) == 2
    assert all(node.is_excepted and node.is_sealed and "was interrupted" in node.exception for node in given_up)


def test_patience_has_an_end(chain: Chain, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(steady, "PATIENCE", 0.05)
    chain.fail_after = [away()] * 1000
    with pytest.raises(aiormq.exceptions.ChannelInvalidStateError):
        chain.submit("process")
    assert chain.queued == []


def step(chain: Chain, *labels: str) -> list[int]:
    """A step that submits one part per label."""
    return [chain.submit(Chain, metadata={"call_link_label": label}).pk for label in labels]


def test_a_step_that_is_done_again_takes_over_what_it_had_submitted(chain: Chain) -> None:
    first = step(chain, "batch_0", "batch_1")
    chain.ctx.submitted.clear()  # the checkpoint from before the step: the worker was killed in it
    again = step(chain, "batch_0", "batch_1", "batch_2")
    assert again[0] == first[0]
    assert chain.reported == [f"<{first[0]}> was submitted before a worker was lost: it is batch_0."]
    # the last one may have been stored without a task: it is given up, and its task, should there be one, does nothing
    assert again[1] not in first and orm.load_node(first[1]).is_excepted
    assert len(set(again)) == 3 and chain.ctx.submitted == again


def test_the_last_one_is_taken_over_once_it_runs(chain: Chain) -> None:
    (first,) = step(chain, "batch_0")
    chain.ctx.submitted.clear()
    orm.load_node(first).set_process_state(ProcessState.WAITING)
    assert step(chain, "batch_0") == [first]


def test_a_label_that_is_used_again_makes_a_new_part(chain: Chain) -> None:
    """Of one run of the workflow both parts are known, and both are meant."""
    (first,) = step(chain, "batch_0")
    orm.load_node(first).set_process_state(ProcessState.WAITING)
    assert step(chain, "batch_0") != [first]


def test_a_part_that_failed_is_not_taken_over(chain: Chain) -> None:
    (first,) = step(chain, "batch_0")
    chain.ctx.submitted.clear()
    node = orm.load_node(first)
    node.set_exit_status(310)
    node.set_process_state(ProcessState.FINISHED)
    assert step(chain, "batch_0") != [first]
