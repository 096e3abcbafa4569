"""What a model is, where it comes from and how good it is: one mapping, and its tables for the terminal."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any, Final

import click
from tabulate import tabulate

from ..contract.files import MODEL_CONFIG
from ..data.model import ModelData

SHOW_FORMAT: Final = click.option(
    "-f", "--format", "form", type=click.Choice(("table", "json")), default="table", show_default=True
)
#: Fields of a stage that say how it was trained, in the order of the table.
_STAGE = ("method", "readout", "epochs", "lr", "scheduler", "batch_size", "energy_weight", "forces_weight", "seed")
#: Fields of a card that have a place of their own in :func:`model_card`.
_PLACED = ("name", "licence", "level", "trust", "stage", "errors", "lineage", "data", "resumed", "sha256")


def model_card(node: ModelData) -> dict[str, Any]:
    """All that is known of a model, as JSON; what nobody wrote down is left out.

    ``lineage`` begins with the foundation model and ends with this one; ``stage`` and ``data`` say how each was made.
    """
    get, card = node.base.attributes.get, node.card
    found: dict[str, Any] = {
        "pk": node.pk,
        "uuid": node.uuid,
        "name": node.name,
        "content_hash": node.content_hash,
        "architecture": architecture(node),
        "elements": node.elements,
        "e0s": get("e0s"),
        "heads": get("heads"),
        "level": get("level"),
        "licence": get("licence"),
        "trust": get("trust"),
        "resumed": card.get("resumed"),
        "sha256": card.get("sha256"),
        "lineage": lineage(node),
        "errors": _errors(card.get("errors", {})),
        "more": {key: v for key, v in card.items() if key not in _PLACED or (key == "data" and isinstance(v, str))},
    }
    return {key: value for key, value in found.items() if value not in (None, "", [], {})}


def architecture(node: ModelData) -> dict[str, Any]:
    """Class, sizes and precision; Å for lengths."""
    config = json.loads(node.read_bytes(MODEL_CONFIG))
    return {
        "class": config["model_class"],
        "layers": config["num_interactions"],
        "hidden_irreps": config["hidden_irreps"],
        "correlation": config["correlation"],
        "max_ell": config["max_ell"],
        "r_max": node.r_max,
        "radial_basis": f"{config['num_bessel']} {config['radial_type']}",
        "radial_mlp": config["radial_MLP"],
        "readout_irreps": config["MLP_irreps"],
        "interaction": config["interaction_cls"],
        "average_neighbours": config["avg_num_neighbors"],
        "parameters": node.base.attributes.get("n_parameters"),
        "dtype": config["dtype"],
    }


def lineage(node: ModelData) -> list[dict[str, Any]]:
    """The models behind ``node`` and itself, oldest first, each with ``stage`` and ``data`` if they are known."""
    cards = {node.content_hash: node.card}
    above = _parent(node)
    while above is not None and above.content_hash not in cards:
        cards[above.content_hash] = above.card
        above = _parent(above)
    named = [*node.card.get("lineage", []), {"name": node.name, "content_hash": node.content_hash}]
    found = []
    for entry in named:
        card = cards.get(entry["content_hash"], {})
        more = {key: card[key] for key in ("stage", "data") if isinstance(card.get(key), Mapping) and card[key]}
        more |= {"resumed": True} if card.get("resumed") else {}
        found.append({**more, **entry})
    return found


def shown(node: ModelData, form: str) -> str:
    """The card as ``table`` or ``json``."""
    if form == "json":
        return json.dumps(model_card(node), indent=1, sort_keys=True, ensure_ascii=False)
    return card_text(node)


def card_text(node: ModelData) -> str:
    """The card as tables."""
    card = model_card(node)
    shape = card["architecture"]
    more = card.get("more", {})
    rows: list[tuple[str, Any]] = [
        ("PK", node.pk),
        ("name", card["name"]),
        ("elements", " ".join(card["elements"])),
        ("r_max (Å)", shape["r_max"]),
        ("architecture", f"{shape['class']}, {shape['layers']} layers, {shape['hidden_irreps']}"),
        ("", f"correlation {shape['correlation']}, max_ell {shape['max_ell']}, {shape['radial_basis']} functions"),
        ("weights", f"{shape['parameters']} ({shape['dtype']})"),
        ("heads", ", ".join(card["heads"]) if len(card["heads"]) > 1 else ""),
        ("E0s (eV)", ", ".join(f"{symbol} {value:.4f}" for symbol, value in card["e0s"].items())),
        ("level of theory", card.get("level")),
        ("licence", card.get("licence")),
        ("trust", card.get("trust")),
        ("limits", more.get("limits")),
        ("lineage", " → ".join(entry["name"] for entry in card["lineage"])),
        ("resumed", "yes" if card.get("resumed") else ""),
        ("content", node.content_hash[:16]),
    ]
    parts = [tabulate([row for row in rows if row[1] not in ("", None)], tablefmt="plain", disable_numparse=True)]
    stages = [stage_row(entry) for entry in card["lineage"]]
    if any(len(row) > 2 for row in stages):
        parts.append(tabulate(stages, headers="keys", missingval="-", disable_numparse=True))
    if card.get("errors"):
        parts.append(tabulate(error_rows(card["errors"]), headers="keys", missingval="-", disable_numparse=True))
    return "\n\n".join(parts)


def _parent(node: ModelData) -> ModelData | None:
    job = node.creator
    if job is None or "model" not in job.inputs:
        return None
    model = job.inputs.model
    return model if isinstance(model, ModelData) else None


def stage_row(entry: Mapping[str, Any]) -> dict[str, Any]:
    """One model of a lineage as a row of a table."""
    row: dict[str, Any] = {"model": entry["name"], "content": entry["content_hash"][:12]}
    stage = entry.get("stage", {})
    row |= {key.replace("_", " "): f"{stage[key]}" for key in _STAGE if key in stage}
    for name, one in entry.get("data", {}).items():
        if isinstance(one, Mapping):
            row[f"{name} frames"] = one.get("n_frames")
            row[f"{name} content"] = str(one.get("content_hash", ""))[:12] or None
    if entry.get("resumed"):
        row["resumed"] = "yes"
    return row


def _errors(errors: Mapping[str, Any]) -> dict[str, dict[str, Any]]:
    """Set → group → figures, also of cards that tell the figures of a whole set alone."""
    return {
        name: dict(table) if "all" in table else {"all": dict(table)}
        for name, table in errors.items()
        if isinstance(table, Mapping)
    }


def error_rows(errors: Mapping[str, Mapping[str, Mapping[str, Any]]]) -> list[dict[str, Any]]:
    """The errors of a card as rows of a table, meV/atom and meV/Å."""
    rows = []
    for name, table in errors.items():
        for group in sorted(table, key=lambda g: (g != "all", g.startswith("element:"), g)):
            figures = table[group]
            row: dict[str, Any] = {
                "errors on": name,
                "of": group.removeprefix("element:"),
                "frames": figures.get("n_frames"),
            }
            for label, unit in (("energy", "meV/atom"), ("forces", "meV/Å")):
                for key in ("mae", "rmse", "p95"):
                    value = figures.get(f"{key}_{label}")
                    if f"{key}_{label}" in figures:
                        row[f"{label} {key.upper() if key != 'p95' else '95 %'} ({unit})"] = (
                            None if value is None else f"{1000 * value:.3g}"
                        )
            rows.append(row)
    return rows
