"""A campaign that goes on where an earlier one ended: finished, failed or killed."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from aiida import orm
from aiida.common.links import LinkType
from aiida.engine import ProcessBuilder
from aiida.plugins import WorkflowFactory

from ..calculations.equilibrate import EquilibrateCalculation
from ..contract.strict import dump, load, require
from ..data.frames import FramesData
from ..data.shots import ShotsData
from ..science.shot_ranges import joined, ranges_of, size, without
from .campaign import GunParameters
from .firing import TOGETHER
from .functions.campaign import count_shots, identify
from .gun_checks import STATES
from .protocols.mixin import merged

_CALLS = {"type": {"in": [LinkType.CALL_CALC.value, LinkType.CALL_WORK.value]}}


def extending(
    campaign: orm.ProcessNode, overrides: Mapping[str, Any] | None = None, code: orm.AbstractCode | None = None
) -> ProcessBuilder:
    """A builder of ``mlgun.gun`` that takes over the shots and start states of a campaign, and flies what is missing.

    Model, slab, molecule and parameters are that campaign's.  ``n_shots`` is the number of all shots, those taken over
    included: as it was, it makes good for shots that were lost or never flown.

    :param overrides: fields of GunParameters; those that decide how a shot goes must stay (``mlgun.gun`` refuses them).
    :param code: the campaign's own by default.
    :raises RefusedError: when it is no campaign, still runs, has no shots or start states, or nothing is missing.
    """
    name = f"<{campaign.pk}>"
    require(campaign.process_label == "GunWorkChain", f"{name} is a {campaign.process_label}, no campaign to extend.")
    require(
        campaign.is_terminated, f"{name} still runs. Wait for its end, or kill it: its shots can be used all the same."
    )
    states = start_states(campaign)
    missing = [kind for kind in STATES if kind not in states]
    require(not missing, f"{name} ended before it had {' and '.join(missing)}: nothing can be taken over; launch anew.")
    before = load(GunParameters, campaign.inputs.parameters.get_dict(), "gun")
    changed = merged(dump(before), {**(overrides or {}), "precision": _precision(before, overrides or {})})
    parameters = load(GunParameters, changed, "gun")
    builder = WorkflowFactory("mlgun.gun").get_builder()
    for kind in ("code", "options", "environment", "max_iterations", "clean_workdir", "model", "slab", "molecule"):
        if kind in campaign.inputs:
            builder[kind] = campaign.inputs[kind]
    if code is not None:
        builder.code = code
    for kind, node in states.items():
        builder[kind] = node
    builder.parameters = orm.Dict(dump(parameters))
    builder.previous = tally_of(campaign, states)
    whole = [[parameters.first_shot, parameters.first_shot + parameters.n_shots]]
    wanted = "summary" not in campaign.outputs or bool(without(whole, builder.previous["shots"]))
    require(
        wanted,
        f"all {parameters.n_shots} shots of {name} are there already; n_shots is the number of all shots, those taken "
        "over included: raise it.",
    )
    return builder


def start_states(campaign: orm.ProcessNode) -> dict[str, FramesData]:
    """``slab_states`` and ``molecule_states``, as far as they were given or made before the campaign ended."""
    found: dict[str, FramesData] = {}
    for job in campaign.base.links.get_outgoing(orm.CalcJobNode, LinkType.CALL_CALC).all_nodes():
        if job.process_class is EquilibrateCalculation and job.is_finished_ok:
            found |= {kind: job.outputs[kind] for kind in STATES}
    return found | {kind: campaign.inputs[kind] for kind in STATES if kind in campaign.inputs}


def tally_of(campaign: orm.ProcessNode, states: Mapping[str, FramesData]) -> orm.Dict:
    """All shots of a campaign, counted: its own output, or made here of what a killed one left.

    :raises RefusedError: when there are no shots.
    """
    if "tally" in campaign.outputs:
        return campaign.outputs.tally
    tables = left_tables(campaign)
    previous = campaign.inputs.previous if "previous" in campaign.inputs else None
    require(
        bool(tables) or previous is not None, f"<{campaign.pk}> has no shots: nothing can be taken over; launch anew."
    )
    names = ("parameters", "model", "slab", "molecule")
    about = identify(**{name: campaign.inputs[name] for name in names}, **states)
    tally, labels = previous, list(tables)
    for i in range(0, len(labels), TOGETHER):
        before = {} if tally is None else {"before": tally}
        tally = count_shots(about, **before, **{label: tables[label] for label in labels[i : i + TOGETHER]})
    return tally


def left_tables(campaign: orm.ProcessNode) -> dict[str, ShotsData]:
    """Batch → table of a campaign that has no tally, whatever became of it; no shot is in two of them.

    The tables of a batch that was flown again, or of a job that was cut off and the one that went on, hold the same
    shots: the largest are taken.
    """
    query = orm.QueryBuilder().append(orm.WorkChainNode, filters={"id": campaign.pk}, tag="campaign")
    query.append(orm.WorkChainNode, with_incoming="campaign", edge_filters=_CALLS, edge_project="label", tag="batch")
    query.append(orm.CalcJobNode, with_incoming="batch", edge_filters=_CALLS, tag="job")
    query.append(ShotsData, with_incoming="job", project=["*"])
    rows = [(label, table) for table, label in query.all()]  # what is projected of links comes after the nodes
    rows.sort(key=lambda row: (-len(row[1]), row[1].pk))
    found: dict[str, ShotsData] = {}
    held: list[list[int]] = []
    for label, table in rows:
        own = ranges_of(table.base.attributes.get("shots"))
        whole = joined(held, own)
        if own and size(whole) == size(held) + size(own):
            held = whole
            found[label if label not in found else f"{label}_{table.pk}"] = table
    return dict(sorted(found.items()))


def _precision(before: GunParameters, overrides: Mapping[str, Any]) -> dict[str, Any] | None:
    """What is asked for now; the intervals stay those of the sequence that the first campaign began."""
    asked = overrides.get("precision", dump(before.precision))
    if asked is None or before.precision is None:
        return asked
    first = before.precision
    return {**dump(first), **asked, "tuned_for": first.tuned_for or first.half_width}
