"""Words of the command line that describe the stages of a fine-tuning."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from aiida import orm

from ..contract.errors import RefusedError

#: What follows ``frozen-`` is the stage's ``freeze``.
METHODS = ("naive", "replay", "lora", "frozen-embedding", "frozen-interactions", "frozen-products")


def stage_of(text: str) -> dict[str, Any]:
    """The sets of one ``--stage``: PKs of sets, or of a curation."""
    nodes = []
    for part in text.split(","):
        if not part.strip().isdigit():
            raise RefusedError(f"--stage {text}: PKs are needed, as in --stage 12,13,14 or --stage 20.")
        nodes.append(orm.load_node(int(part)))
    if len(nodes) == 1 and isinstance(nodes[0], orm.ProcessNode):
        outputs = nodes[0].outputs
        if "train" not in outputs or "validation" not in outputs:
            raise RefusedError(f"--stage {text}: the process {text} has no outputs train and validation.")
        return {key: outputs[key] for key in ("train", "validation", "test") if key in outputs}
    if len(nodes) not in (2, 3):
        raise RefusedError(f"--stage {text}: give train,validation or train,validation,test.")
    return dict(zip(("train", "validation", "test"), nodes, strict=False))


def with_methods(stages: list[dict[str, Any]], methods: Sequence[str], replays: Sequence[Any]) -> list[dict[str, Any]]:
    """The stages with ``--method`` and ``--replay`` told once for all, or once for each that they concern.

    :raises RefusedError: when there are neither one nor as many as needed.
    """
    told = _spread(methods, len(stages), "--method", "stages")
    if not methods:
        told = [None] * len(stages)
    replayed = [i for i, method in enumerate(told) if method == "replay"]
    sets = dict(zip(replayed, _spread(replays, len(replayed), "--replay", "stages with --method replay"), strict=False))
    entries = []
    for i, (stage, method) in enumerate(zip(stages, told, strict=True)):
        entry = dict(stage)
        if method is not None:
            kind, _, layer = method.partition("-")
            entry["overrides"] = {"stage": {"method": kind, **({"freeze": layer} if layer else {})}}
        if i in sets:
            entry["replay"] = sets[i]
        entries.append(entry)
    return entries


def _spread(given: Sequence[Any], n: int, option: str, what: str) -> list[Any]:
    if len(given) in (0, n):
        return list(given)
    if len(given) != 1 or n == 0:
        raise RefusedError(
            f"{option} is given {len(given)} times, and there are {n} {what}: give it once, or for each."
        )
    return list(given) * n


def ratio_of(text: str) -> tuple[str, float]:
    """``rmse_forces=1.5`` as a pair."""
    name, _, ratio = text.partition("=")
    try:
        return name, float(ratio)
    except ValueError as error:
        raise RefusedError(f"--forgetting {text}: an error's name and a ratio are needed: rmse_forces=1.5.") from error
