"""``aiida-mlgun launch compare|learning-curve|committee``: many trainings side by side."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import click
from aiida import orm
from aiida.plugins import WorkflowFactory

from ..contract.errors import RefusedError
from ..data.frames import FramesData
from ..data.model import ModelData
from ..workflows.plans import STRATEGIES
from .launch import MODEL, common, launch, submit_chain, yaml_of
from .stages import stage_of

SETS = "TRAIN,VALIDATION[,TEST] or CURATION"
SEEDS = click.option("--seed", "seeds", multiple=True, type=click.IntRange(min=0), help="A seed; repeatable.")


@launch.command("compare")
@click.option("--model", "models", multiple=True, metavar="NAME=PK", help="A start model; repeatable.")
@click.option("--target", required=True, metavar=SETS, help="The set that matters; its test side becomes a test set.")
@click.option("--broad", metavar=SETS, help="The broad set, trained on first by `continual`.")
@click.option("--test", "tests", multiple=True, metavar="NAME=PK", help="A further test set; repeatable.")
@click.option("--strategy", "strategies", multiple=True, type=click.Choice(STRATEGIES), help="All that can be, unless.")
@common
def compare(
    models: tuple[str, ...],
    target: str,
    broad: str | None,
    tests: tuple[str, ...],
    strategies: tuple[str, ...],
    code: Any,
    protocol: Any,
    overrides: Any,
    scheduler: Any,
    wait: bool,
) -> None:
    """Compare training strategies and start models on the same test sets."""
    sets = {name: stage_of(text) for name, text in (("target", target), ("broad", broad)) if text}
    judged = {name: found.pop("test") for name, found in sets.items() if "test" in found}
    judged |= named(tests, FramesData, "--test")
    builder = WorkflowFactory("mlgun.compare").get_builder_from_protocol(
        code,
        sets["target"],
        judged,
        models=named(models, ModelData, "--model"),
        broad=sets.get("broad"),
        protocol=protocol,
        overrides=_changes(overrides, strategies=strategies),
    )
    submit_chain(builder, scheduler, wait)


@launch.command("learning-curve")
@click.option("--model", type=MODEL, help="The start model; none trains from scratch.")
@click.option("--sets", required=True, metavar="TRAIN,VALIDATION,TEST or CURATION", help="PKs of the three sets.")
@click.option("--size", "sizes", multiple=True, type=click.IntRange(min=1), help="Training frames; repeatable.")
@SEEDS
@common
def learning_curve(
    model: Any,
    sets: str,
    sizes: tuple[int, ...],
    seeds: tuple[int, ...],
    code: Any,
    protocol: Any,
    overrides: Any,
    scheduler: Any,
    wait: bool,
) -> None:
    """Train on nested subsets; fit how the test error falls with their size."""
    found = stage_of(sets)
    if "test" not in found:
        raise RefusedError(f"--sets {sets}: a learning curve needs a test set.")
    builder = WorkflowFactory("mlgun.learning_curve").get_builder_from_protocol(
        code,
        found["train"],
        found["validation"],
        found["test"],
        model=model,
        protocol=protocol,
        overrides=_changes(overrides, sizes=sizes, seeds=seeds),
    )
    submit_chain(builder, scheduler, wait)


@launch.command("committee")
@click.option("--model", type=MODEL, help="The start model; none trains the first stage from scratch.")
@click.option("--stage", "stages", multiple=True, required=True, metavar=SETS, help="A stage; repeatable, in order.")
@click.option("--frames", "frames", multiple=True, metavar="NAME=PK", help="A set to predict; repeatable.")
@SEEDS
@common
def committee(
    model: Any,
    stages: tuple[str, ...],
    frames: tuple[str, ...],
    seeds: tuple[int, ...],
    code: Any,
    protocol: Any,
    overrides: Any,
    scheduler: Any,
    wait: bool,
) -> None:
    """Train members that differ by their seed; hold their disagreement against real errors."""
    entries = [stage_of(text) for text in stages]
    sets = {f"test_{i + 1}": entry.pop("test") for i, entry in enumerate(entries) if "test" in entry}
    builder = WorkflowFactory("mlgun.committee").get_builder_from_protocol(
        code,
        entries,
        frames=sets | named(frames, FramesData, "--frames"),
        model=model,
        protocol=protocol,
        overrides=_changes(overrides, seeds=seeds),
    )
    submit_chain(builder, scheduler, wait)


def named(words: tuple[str, ...], kind: type[orm.Data], option: str) -> dict[str, Any]:
    """``NAME=PK`` … as name → node.

    :raises RefusedError: no such pair, a name that stands twice or is no name, a node of another kind.
    """
    nodes: dict[str, Any] = {}
    for word in words:
        name, _, pk = word.partition("=")
        if not name.isidentifier() or not pk.isdigit():
            raise RefusedError(
                f"{option} {word}: a name of letters, digits and _, and a PK are needed: {option} mine=12."
            )
        if name in nodes:
            raise RefusedError(f"{option} {word}: the name {name!r} stands twice.")
        node = orm.load_node(int(pk))
        if not isinstance(node, kind):
            raise RefusedError(f"{option} {word}: the node {pk} is a {type(node).__name__}, not a {kind.__name__}.")
        nodes[name] = node
    return nodes


def _changes(overrides: Path | None, **lists: tuple[Any, ...]) -> dict[str, Any]:
    return yaml_of(overrides) | {name: list(values) for name, values in lists.items() if values}
