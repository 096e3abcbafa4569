"""Calcfunctions of a campaign: what it is of, what has been counted, whether that is enough, what came out."""

from __future__ import annotations

from typing import Any

from aiida import orm
from aiida.engine import calcfunction

from ...contract.shooting import Chemistry
from ...contract.strict import load
from ...data.frames import FramesData
from ...data.model import ModelData
from ...data.shots import ShotsData
from ...science.tally import Tally
from ..campaign import Precision
from ..identity import identity
from ..look import look_at
from ..summary import summary_of
from .versioned import versioned

COUNTED = ("shot", "slab_state", "molecule_state", "outcome", "drift")


def _tally(node: orm.Dict | None) -> Tally:
    return Tally() if node is None else Tally.from_json(node.get_dict())


@versioned
@calcfunction
def identify(
    parameters: orm.Dict,
    model: ModelData,
    slab: orm.StructureData,
    molecule: orm.StructureData,
    slab_states: FramesData,
    molecule_states: FramesData,
) -> orm.Dict:
    """What a campaign's shots are of: shots can be counted together when this is equal."""
    atoms = slab.get_ase(), molecule.get_ase()
    hashes = model.content_hash, slab_states.content_hash, molecule_states.content_hash
    return orm.Dict(identity(parameters.get_dict(), *hashes, *atoms))


@versioned
@calcfunction
def count_shots(about: orm.Dict, before: orm.Dict | None = None, **batches: ShotsData) -> orm.Dict:
    """What was counted before, and the shots of these batches: a tally (:mod:`aiida_mlgun.science.tally`).

    :param about: what :func:`identify` gave for them.
    :raises RefusedError: when a shot is there twice.
    """
    found = _tally(before)
    for name in sorted(batches):
        arrays = batches[name].arrays()
        found = found.plus({column: arrays[column] for column in COUNTED})
    return orm.Dict(found.to_json())


@versioned
@calcfunction
def look(parameters: orm.Dict, tally: orm.Dict | None = None) -> orm.Dict:
    """Whether the shots so far are enough for the campaign's ``precision``: counts, intervals, the decision in words.

    :param tally: None before the first shot.
    """
    asked = parameters.get_dict()
    chemistry, precision = load(Chemistry, asked["chemistry"]), load(Precision, asked["precision"])
    return orm.Dict(look_at(_tally(tally), chemistry, precision))


@versioned
@calcfunction
def summarise(
    parameters: orm.Dict,
    tally: orm.Dict | None = None,
    last_look: orm.Dict | None = None,
    ended: orm.Dict | None = None,
    **batches: ShotsData,
) -> orm.Dict:
    """Counts, shares with their intervals, sticking, drift and lost shots (:mod:`aiida_mlgun.workflows.summary`).

    :param tally: shots that were counted; ``batches`` are counted here, beside them.
    :param last_look: what :func:`look` said last.
    :param ended: how the campaign ended: fields of :class:`~aiida_mlgun.workflows.summary.Ended`.
    """
    found = _tally(tally)
    for name in sorted(batches):
        found = found.plus(batches[name].arrays())
    chemistry = load(Chemistry, parameters["chemistry"], "chemistry")
    details: dict[str, Any] = {} if ended is None else ended.get_dict()
    said = None if last_look is None else last_look.get_dict()
    return orm.Dict(summary_of(found, chemistry, int(parameters["n_shots"]), said, details))
