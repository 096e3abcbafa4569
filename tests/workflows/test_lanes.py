"""Waiting for the next end instead of all ends: a real engine, whose processes do nothing but take steps."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from aiida import orm
from aiida.common.links import LinkType
from aiida.engine import ProcessState, WorkChain, run_get_node, while_
from aiida.engine.utils import instantiate_process
from aiida.manage import get_manager

from aiida_mlgun.workflows.lanes import LanesWorkChain, ended_among

NAMES = ("elsewhere", "b", "c", "d")
HEARD: list[tuple[str, list[str]]] = []


class Walk(WorkChain):
    """Ends after a step."""

    @classmethod
    def define(cls, spec: Any) -> None:
        super().define(spec)
        spec.input("n", valid_type=orm.Int)
        spec.outline(cls.walk)

    def walk(self) -> None:
        self.report(f"walk {self.inputs.n.value}")


class TwoLanes(LanesWorkChain):
    """Walks, two at a time, beside a process that runs elsewhere until all others have ended."""

    @classmethod
    def define(cls, spec: Any) -> None:
        super().define(spec)
        spec.outline(cls.setup, while_(cls.goes_on)(cls.fill, cls.take))

    def setup(self) -> None:
        self.ctx.waiting, self.ctx.running = list(NAMES), {}

    def goes_on(self) -> bool:
        return bool(self.ctx.waiting or self.ctx.running)

    def fill(self) -> None:
        while self.ctx.waiting and len(self.ctx.running) < 2:
            name = self.ctx.waiting.pop(0)
            self.ctx.running[name] = (elsewhere(self) if name == "elsewhere" else submit(self, name)).pk
        self.to_context(**{name: orm.load_node(pk) for name, pk in self.ctx.running.items()})

    def take(self) -> None:
        ended = ended_among(list(self.ctx.running.values()))
        gone = [name for name, pk in self.ctx.running.items() if pk in ended]
        for name in gone:
            del self.ctx.running[name]
        HEARD.append(("".join(gone), list(self.ctx.running)))
        if list(self.ctx.running) == ["elsewhere"] and not self.ctx.waiting:
            orm.load_node(self.ctx.running["elsewhere"]).set_process_state(ProcessState.FINISHED)


def submit(chain: LanesWorkChain, name: str = "a") -> orm.ProcessNode:
    return chain.submit(Walk, n=orm.Int(1), metadata={"call_link_label": name})


def elsewhere(chain: LanesWorkChain) -> orm.WorkChainNode:
    node = orm.WorkChainNode()
    node.base.links.add_incoming(chain.node, LinkType.CALL_WORK, "elsewhere")
    node.set_process_state(ProcessState.RUNNING)
    return node.store()


def test_a_lane_is_filled_as_soon_as_it_is_free(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(get_manager().get_runner(), "_poll_interval", 0.05)  # s; there is no broker to tell of ends
    HEARD.clear()
    _, node = run_get_node(TwoLanes)
    assert node.is_finished_ok
    assert [gone for gone, _ in HEARD if gone] == ["b", "c", "d", "elsewhere"]  # the long one holds nobody up
    assert [running for gone, running in HEARD if gone in ("b", "c", "d")] == [["elsewhere"]] * 3
    labels = [link.link_label for link in node.base.links.get_outgoing(link_type=LinkType.CALL_WORK).all()]
    assert sorted(labels) == sorted(NAMES)


@pytest.fixture
def chain() -> TwoLanes:
    process = instantiate_process(get_manager().get_runner(), TwoLanes)
    assert isinstance(process, TwoLanes)
    return process


Child = Callable[..., orm.WorkChainNode]


@pytest.fixture
def child(chain: TwoLanes) -> Child:
    def make(state: ProcessState, label: str = "a") -> orm.WorkChainNode:
        node = orm.WorkChainNode()
        node.base.links.add_incoming(chain.node, LinkType.CALL_WORK, label)
        node.set_process_state(state)
        return node.store()

    return make


def test_a_step_that_is_done_again_takes_what_it_had_submitted(chain: TwoLanes, child: Child) -> None:
    failed = child(ProcessState.FINISHED, "b")
    failed.set_exit_status(410)
    there = child(ProcessState.RUNNING)
    assert submit(chain).pk == there.pk
    assert submit(chain, "b").pk == failed.pk  # its label is its own: it is looked at as if it had ended just now
    assert "submitted" not in chain.ctx  # nothing grows with the number of parts


def test_ended_are_those_in_an_end_state(child: Child) -> None:
    nodes = {state: child(state, state.value) for state in ProcessState}
    ended = {ProcessState.FINISHED, ProcessState.EXCEPTED, ProcessState.KILLED}
    assert ended_among([node.pk for node in nodes.values()]) == {nodes[state].pk for state in ended}
    assert ended_among([]) == set()
