"""What all shots of a batch have in common: campaign, model, slab, molecule, catalogue."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Collection, Iterable, Sequence
from typing import Any, Final

from aiida import orm
from aiida.common.links import LinkType
from aiida.orm.nodes.data.structure import get_formula

from ..contract.errors import RefusedError
from ..data.frames import FramesData
from ..data.model import ModelData
from ..data.shots import ShotsData
from .batches import TAKES, Batch, among, begins, inputs_of

BATCH_COLUMNS: Final = (
    "campaign",
    "batch",
    "created",
    "campaign_uuid",
    "batch_uuid",
    "slab",
    "molecule",
    "temperature",
    "campaign_seed",
    "judged_by",
)
MODEL_COLUMNS: Final = ("model", "model_pk", "model_uuid", "model_hash")
#: A content hash or a UUID is told by at least so many letters.
_SHORTEST: Final = 8


def facts_of(batches: Sequence[Batch]) -> dict[int, dict[str, Any]]:
    """Batch → its :data:`BATCH_COLUMNS` and :data:`MODEL_COLUMNS`, and ``slab_names``, ``molecule_names``.

    None stands for what is not known, as of shots that came in without their provenance.
    """
    flown = {batch.flown for batch in batches}
    models = {pk: row for pk, _, row in inputs_of(flown, ModelData, ["model"], _MODEL)}
    asked = {pk: row for pk, _, row in inputs_of(flown, orm.Dict, ["parameters"], list(_PARAMETERS))}
    structures = _structures(batches)
    uuids = _uuids({batch.campaign for batch in batches if batch.campaign is not None})
    found = {}
    for batch in batches:
        model, parameters = models.get(batch.flown, {}), asked.get(batch.flown, {})
        named = {what: structures.get((batch.flown, what)) or ("", frozenset()) for what in ("slab", "molecule")}
        found[batch.pk] = {
            "campaign": batch.campaign,
            "batch": batch.pk,
            "created": batch.created,
            "campaign_uuid": uuids.get(batch.campaign),
            "batch_uuid": batch.uuid,
            "slab": named["slab"][0],
            "molecule": named["molecule"][0],
            "slab_names": named["slab"][1],
            "molecule_names": named["molecule"][1],
            "temperature": parameters.get("attributes.velocity.temperature"),
            "campaign_seed": parameters.get("attributes.seed"),
            "judged_by": batch.maker,
            "model": model.get("label") or model.get("attributes.name"),
            "model_pk": model.get("id"),
            "model_uuid": model.get("uuid"),
            "model_hash": model.get("attributes.content_hash"),
        }
    return found


def catalogues_of(batches: Sequence[Batch]) -> dict[int, str]:
    """Batch → the first eight letters of a hash over the chemistry that named its outcomes, where that is known."""
    flown = [batch.pk for batch in batches if batch.pk == batch.flown]
    later = [batch.pk for batch in batches if batch.pk != batch.flown]
    rows = inputs_of(flown, orm.Dict, ["parameters"], ["attributes"]) + inputs_of(
        later, orm.Dict, ["chemistry"], ["attributes"]
    )
    found = {}
    for pk, _, row in rows:  # a reclassification may be given the chemistry as it is, or within parameters
        for chemistry in (row["attributes"].get("chemistry"), row["attributes"]):
            if isinstance(chemistry, dict) and "catalogue" in chemistry:
                found[pk] = hashlib.sha256(json.dumps(chemistry, sort_keys=True).encode()).hexdigest()[:_SHORTEST]
                break
    return found


def models_named(text: str) -> list[int]:
    """PKs of the models with this PK, label, name, or beginning of the UUID or content hash.

    :raises RefusedError: when there is none.
    """
    ways: list[dict[str, Any]] = [{"label": text}, {"attributes.name": text}]
    if (uuid := begins(text)) is not None and len(text) >= _SHORTEST:
        ways.append(uuid)
    if text.isdigit():
        ways.append({"id": int(text)})
    if len(text) >= _SHORTEST and text.isalnum():
        ways.append({"attributes.content_hash": {"like": f"{text}%"}})
    found: list[int] = orm.QueryBuilder().append(ModelData, filters={"or": ways}, project="id").all(flat=True)
    if not found:
        known = orm.QueryBuilder().append(ModelData, project="attributes.name").distinct().all(flat=True)
        raise RefusedError(f"there is no model {text!r}. Known: {', '.join(sorted(known)) or 'none'}.")
    return found


_MODEL: Final = ["id", "uuid", "label", "attributes.name", "attributes.content_hash"]
_PARAMETERS: Final = ("attributes.seed", "attributes.velocity.temperature")
#: Label of a structure or its formula, and all by which it may be asked for.
_Named = tuple[str, frozenset[str]]


def _structures(batches: Iterable[Batch]) -> dict[tuple[int, str], _Named]:
    """(flown batch, ``slab`` or ``molecule``) → names: inputs of the campaign, else of what made the start states."""
    batches = list(batches)
    chains = {process for batch in batches for process in batch.processes}
    query = orm.QueryBuilder().append(orm.StructureData, tag="structure", project="id")
    edge = {"label": {"in": ["slab", "molecule"]}, **TAKES}
    query.append(
        orm.ProcessNode,
        with_incoming="structure",
        filters=among(chains),
        edge_filters=edge,
        edge_project="label",
        edge_tag="link",
        tag="process",
        project="id",
    )
    taken = {
        (row["process"]["id"], row["link"]["label"]): row["structure"]["id"] for row in query.dict(batch_size=10_000)
    }
    found: dict[tuple[int, str], int] = {}
    for batch in batches:
        for process in batch.processes:
            for what in ("slab", "molecule"):
                if (process, what) in taken:
                    found[batch.flown, what] = taken[process, what]
    for what in ("slab", "molecule"):
        missing = {batch.flown for batch in batches if (batch.flown, what) not in found}
        found |= {(flown, what): structure for flown, structure in _behind_states(missing, what).items()}
    names = _names(set(found.values()))
    return {key: names[structure] for key, structure in found.items()}


def _behind_states(flown: Collection[int], what: str) -> dict[int, int]:
    if not flown:
        return {}
    query = orm.QueryBuilder().append(orm.StructureData, tag="structure", project="id")
    query.append(orm.ProcessNode, with_incoming="structure", edge_filters={"label": what}, tag="equilibration")
    query.append(FramesData, with_incoming="equilibration", edge_filters={"label": f"{what}_states"}, tag="states")
    query.append(orm.ProcessNode, with_incoming="states", edge_filters={"label": f"{what}_states"}, tag="job")
    created = {"type": LinkType.CREATE.value}
    query.append(ShotsData, with_incoming="job", edge_filters=created, filters=among(flown), project="id")
    return {batch: structure for structure, batch in query.all()}


def _names(structures: Collection[int]) -> dict[int, _Named]:
    project = ["id", "uuid", "label", "attributes.kinds", "attributes.sites"]
    query = orm.QueryBuilder().append(orm.StructureData, filters=among(structures), project=project)
    found = {}
    for pk, uuid, label, kinds, sites in query.all():
        symbols = {kind["name"]: "".join(kind["symbols"]) for kind in kinds}
        formula = get_formula([symbols[site["kind_name"]] for site in sites])
        found[pk] = label or formula, frozenset((str(pk), uuid, label, formula))
    return found


def _uuids(processes: Collection[int]) -> dict[int | None, str]:
    query = orm.QueryBuilder().append(orm.ProcessNode, filters=among(processes), project=["id", "uuid"])
    return dict(query.all())
