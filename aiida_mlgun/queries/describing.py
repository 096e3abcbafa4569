"""One node in a few facts, for the tree of where shots come from."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

from aiida import orm

from ..data.frames import FramesData
from ..data.model import ModelData
from ..data.shots import ShotsData

UNKNOWN: Final = "unknown"
#: Fields of a training stage and of a gun that say the most.
_STAGE: Final = ("method", "readout", "epochs", "lr", "energy_weight", "forces_weight", "seed")


def facts(node: orm.Node) -> dict[str, Any]:
    """What there is to say of a node besides its kind, PK, UUID and label; JSON."""
    if isinstance(node, ShotsData):
        return {"n_shots": len(node), "counts": node.counts, "content_hash": node.content_hash}
    if isinstance(node, ModelData):
        return _model(node)
    if isinstance(node, FramesData):
        return _frames(node)
    if isinstance(node, orm.StructureData):
        return {"formula": node.get_formula(), "n_atoms": len(node.sites)}
    if isinstance(node, orm.SinglefileData):
        return {"file": node.filename}
    if isinstance(node, orm.RemoteData):
        return {"path": node.get_remote_path(), "computer": node.computer.label if node.computer else UNKNOWN}
    if isinstance(node, orm.ProcessNode):
        return _process(node)
    return {}


def licence(node: orm.Node) -> str | None:
    """The licence that a data node states; None if it states none.

    Models have it on their card, other data in AiiDA's own field ``source.license``.
    """
    if isinstance(node, ModelData):
        stated = node.base.attributes.get("licence", None)
    else:
        source = node.base.attributes.get("source", None)
        stated = source.get("license") if isinstance(source, Mapping) else None
    return None if stated in (None, "", UNKNOWN) else str(stated)


def files_of(node: orm.Node) -> list[dict[str, Any]]:
    """The raw files that a data node or a curation read: name, sha256, n_frames, format, as far as known."""
    if isinstance(node, FramesData):
        found = (node.base.attributes.get("source", None) or {}).get("files", [])
    elif isinstance(node, orm.ProcessNode) and "raw" in node.base.links.get_incoming().all_link_labels():
        report = node.outputs.report.get_dict() if "report" in node.outputs else {}
        found = report.get("files", [])
    else:
        return []
    names = ("name", "sha256", "n_frames", "format")
    return [{name: entry[name] for name in names if name in entry} for entry in found]


def _model(node: ModelData) -> dict[str, Any]:
    get = node.base.attributes.get
    card = node.card
    found: dict[str, Any] = {
        "name": node.name,
        "content_hash": node.content_hash,
        "level": get("level", None),
        "trust": get("trust", None),
        "trained_on": card.get("data") if isinstance(card.get("data"), str) else None,
        "teacher": card.get("teacher"),
        "lineage": [f"{entry['name']} ({entry['content_hash'][:12]})" for entry in card.get("lineage", [])],
    }
    return {key: value for key, value in found.items() if value not in (None, "", [], UNKNOWN)}


def _frames(node: FramesData) -> dict[str, Any]:
    get = node.base.attributes.get
    found = {
        "n_frames": get("n_frames"),
        "elements": node.elements,
        "levels": sorted(get("levels", {})),
        "strata": get("strata", {}),
        "content_hash": node.content_hash,
    }
    return {key: value for key, value in found.items() if value not in ([], {})}


def _process(node: orm.ProcessNode) -> dict[str, Any]:
    found: dict[str, Any] = {"exit_status": node.exit_status, "started": node.ctime.isoformat()}
    if node.computer is not None:
        found["computer"] = node.computer.label
    if node.base.caching.is_created_from_cache:
        found["from_cache"] = True
    found["called_by"] = _callers(node)
    inputs = node.base.links.get_incoming(node_class=orm.Dict).all()
    settings = {entry.link_label: entry.node.get_dict() for entry in inputs if entry.node.creator is None}
    if settings:
        found["settings"] = settings
    if "results" in node.outputs:
        results = node.outputs.results.get_dict()
        found |= {key: results[key] for key in ("device", "seed", "versions", "wall_seconds") if key in results}
    return {key: value for key, value in found.items() if value not in (None, [])}


def _callers(node: orm.ProcessNode) -> list[str]:
    found, above = [], node.caller
    while above is not None:
        found.append(f"{above.process_label}<{above.pk}>")
        above = above.caller
    return found


def sentence(entry: Mapping[str, Any]) -> str:
    """The facts of a node in one line of a tree."""
    facts_ = entry["facts"]
    words: list[str] = []
    if "n_shots" in facts_:
        counts = ", ".join(f"{name} {n}" for name, n in facts_["counts"].items())
        words.append(f"{facts_['n_shots']} shots: {counts}")
    if "n_frames" in facts_:
        words.append(f"{facts_['n_frames']} frames of {' '.join(facts_['elements'])}")
        words += facts_.get("levels", [])
    words += [str(facts_[key]) for key in ("name", "formula", "level", "file", "path", "trained_on") if key in facts_]
    if "lineage" in facts_ and not entry["from"]:
        words.append("trained from " + " → ".join(facts_["lineage"]))
    stage = facts_.get("settings", {}).get("parameters", {}).get("stage", {})
    words += [f"{key} {stage[key]}" for key in _STAGE if key in stage]
    words += [f"{key} {facts_[key]}" for key in ("seed", "device") if key in facts_ and key not in stage]
    if facts_.get("exit_status"):
        words.append(f"exit status {facts_['exit_status']}")
    if facts_.get("from_cache"):
        words.append("from the cache")
    if facts_.get("called_by"):
        words.append("in " + " in ".join(facts_["called_by"]))
    if entry["licence"]:
        words.append(f"licence {entry['licence']}")
    return "; ".join(words)
