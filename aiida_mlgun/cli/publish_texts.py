"""The texts of a published folder: README, licences, citation, model cards."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from typing import Any, Final

import yaml
from aiida import __version__ as aiida_version
from tabulate import tabulate

from .. import __version__
from ..contract.errors import RefusedError
from ..data.model import ModelData
from ..queries.describing import licence as stated_by
from ..queries.trace import Trace
from .card import error_rows, model_card, stage_row

NOT_STATED: Final = "**not stated**"
#: What the results rest on: title, authors, and where it is found.
_SOFTWARE: Final = (
    ("AiiDA 1.0, a scalable computational infrastructure", "Huber et al.", "doi", "10.1038/s41597-020-00638-4"),
    ("MACE: higher order equivariant message passing", "Batatia et al.", "url", "https://arxiv.org/abs/2206.07697"),
)


@dataclass(frozen=True)
class Author:
    """A person: family name, given names, affiliation."""

    family: str
    given: str = ""
    affiliation: str = ""

    @classmethod
    def of(cls, text: str) -> Author:
        """From ``Family, Given; Affiliation``.

        :raises RefusedError: when there is no family name.
        """
        name, _, affiliation = text.partition(";")
        family, _, given = name.partition(",")
        if not family.strip():
            raise RefusedError(f"--author {text!r}: write 'Family, Given' or 'Family, Given; Affiliation'.")
        return cls(family.strip(), given.strip(), affiliation.strip())

    def __str__(self) -> str:
        return " ".join(filter(None, (self.given, self.family)))


@dataclass(frozen=True)
class Campaign:
    """A published workflow: its folder, UUID, kind, title, and the table of its outcomes if it has any.

    :param judged_again: whether other outcomes of the same shots are in the archive too.
    """

    folder: str
    uuid: str
    kind: str
    title: str
    counts: str | None
    judged_again: bool = False


def licences_text(
    provenance: Trace, models: Sequence[ModelData], whole: str, said: Mapping[str, str]
) -> tuple[str, list[str]]:
    """The page of licences, and a sentence for each licence that nobody stated.

    :param said: UUID → licence, for nodes that state none themselves.
    """
    rows, missing = [], [] if whole else ["the licence of the whole is not stated: say --licence."]
    for origin in provenance.origins():
        licence = origin["licence"] or said.get(origin["uuid"])
        if licence is None:
            node = f"{origin['kind']}<{origin['pk']}>"
            missing.append(f"{origin['what']} ({node}) states no licence: say --data-licence {origin['pk']}=LICENCE.")
        what = _named(origin["what"], origin["kind"], origin["uuid"])
        rows.append({"what": what, "sha256": str(origin["sha256"] or "")[:16], "licence": licence or NOT_STATED})
    told = {row["what"] for row in rows}
    for model in models:
        what = _named(model.name, ModelData.__name__, model.uuid)
        licence = stated_by(model) or said.get(model.uuid)
        if what not in told:
            rows.append({"what": what, "sha256": model.content_hash[:16], "licence": licence or NOT_STATED})
        held = {other.content_hash for other in models}
        for parent in model.card.get("lineage", []):
            if parent["content_hash"] not in held:
                what = f"{parent['name']}, a parent of {model.name} that is not in the archive"
                rows.append({"what": what, "sha256": parent["content_hash"][:16], "licence": NOT_STATED})
                missing.append(f"{what}: its licence is not known here.")
    table = tabulate(rows, headers="keys", tablefmt="pipe", disable_numparse=True)
    return f"# Licences\n\nThe whole: {whole or NOT_STATED}\n\n{table}\n", missing


def _named(what: str, kind: str, uuid: str) -> str:
    return f"{what} ({kind} {uuid[:8]})"


def citation(title: str, authors: Sequence[Author], licence: str) -> str:
    """``CITATION.cff``, Citation File Format 1.2.0; a DOI is to be added by whoever has one."""
    people = [
        {
            key: value
            for key, value in (
                ("family-names", one.family),
                ("given-names", one.given),
                ("affiliation", one.affiliation),
            )
            if value
        }
        for one in authors
    ]
    references = [{"type": "software", "title": "aiida-mlgun", "version": __version__, "authors": [_MAKERS]}]
    for name, who, key, value in _SOFTWARE:
        references.append({"type": "article", "title": name, "authors": [{"name": who}], key: value})
    found: dict[str, Any] = {
        "cff-version": "1.2.0",
        "message": "If you use these data, please cite them.",
        "type": "dataset",
        "title": title,
        "authors": people or [{"name": "not stated"}],
        "date-released": date.today().isoformat(),
    }
    if licence:
        found["license"] = licence
    return str(yaml.safe_dump({**found, "references": references}, sort_keys=False, allow_unicode=True))


_MAKERS: Final = {"name": "The aiida-mlgun developers"}


def model_text(model: ModelData) -> str:
    """A model's card as Markdown."""
    card = model_card(model)
    shape, more = card["architecture"], card.get("more", {})
    facts = {
        "Architecture": f"{shape['class']}, {shape['layers']} layers, {shape['hidden_irreps']}",
        "Cutoff": f"{shape['r_max']} Å",
        "Weights": f"{shape['parameters']} ({shape['dtype']})",
        "Elements": " ".join(card["elements"]),
        "Level of theory": card.get("level"),
        "Licence": stated_by(model) or NOT_STATED,
        "Trust": card.get("trust"),
        "Teacher": more.get("teacher"),
        "Data": more.get("data"),
        "Limits": more.get("limits"),
        "UUID": card["uuid"],
        "Content": card["content_hash"],
    }
    lines = [f"# {card['name']}", ""]
    lines += [f"- {name}: {value}" for name, value in facts.items() if value]
    lines += ["", "## Lineage", "", _pipes([stage_row(entry) for entry in card["lineage"]])]
    if card.get("errors"):
        lines += ["", "## Errors", "", _pipes(error_rows(card["errors"]))]
    return "\n".join(lines) + "\n"


def readme(title: str, authors: Sequence[Author], campaigns: Sequence[Campaign], models: Sequence[ModelData]) -> str:
    """What is here, how to check it, import it, and ask it."""
    profile = f"mlgun-{campaigns[0].folder}"
    shot = [one for one in campaigns if one.counts is not None]
    lines = [f"# {title}", "", ", ".join(map(str, authors)) or "Authors: not stated", ""]
    lines += ["| file | what |", "|---|---|"]
    lines.append("| `campaign.aiida` | AiiDA archive: all nodes with their provenance |")
    for one in campaigns:
        tables = ", `shots.csv` (one row per shot; fs, eV, K), `counts.csv`" if one.counts is not None else ""
        lines.append(f"| `{one.folder}/` | {one.kind}: `report.html`, `figures/`{tables} |")
    names = ", ".join(model.name for model in models)
    lines.append(f"| `models/` | model cards: {names} |")
    lines.append("| `provenance.json` | the tree from these workflows up to the raw data, and its origins |")
    lines.append("| `LICENCES.md`, `CITATION.cff`, `SHA256SUMS` | licences, how to cite, checksums |")
    for one in shot:
        heading = one.title if len(campaigns) > 1 else "Outcomes"
        lines += ["", f"## {heading}", "", "```text", str(one.counts), "```"]
        if one.judged_again:
            lines += ["", "Some of these shots were judged again by another catalogue: `--judged latest` shows that."]
    lines += ["", "## Check and import", ""]
    lines.append(
        f"Needs `pip install aiida-mlgun=={__version__}` (made with AiiDA {aiida_version}). No services are needed."
    )
    lines += ["", "```console", "$ sha256sum --quiet --check SHA256SUMS"]
    lines.append(f"$ verdi presto --non-interactive --no-broker --profile-name {profile}")
    lines += [f"$ verdi --profile {profile} archive import campaign.aiida", "```", "", "## Ask", ""]
    if shot:
        lines += [
            "The same numbers as above, the same again compared with the file, every shot, and what made them:",
            "",
        ]
    lines.append("```console")
    for one in shot:
        ask = f"aiida-mlgun --profile {profile} shots query --judged first --campaign {one.uuid}"
        lines += [f"$ {ask} --count", f"$ {ask} --count --format csv | diff {one.folder}/counts.csv -"]
        lines.append(f"$ {ask} --format csv > again.csv")
    lines += [f"$ verdi --profile {profile} process status {one.uuid}" for one in campaigns]
    lines += ["```", ""]
    if shot:
        lines += ["`aiida-mlgun shots trace PK` tells which data made the shots of the batch PK. In Python:", ""]
        lines += ["```python", "from aiida import load_profile", "import aiida_mlgun", ""]
        lines += [
            f'load_profile("{profile}")',
            f'shots = aiida_mlgun.query_shots(campaign="{shot[0].uuid}")',
            "```",
            "",
        ]
    lines.append(
        "The archive names users (with e-mail addresses), computers and folders on them; it holds no passwords or keys."
    )
    return "\n".join(lines) + "\n"


def _pipes(rows: list[dict[str, Any]]) -> str:
    return str(tabulate(rows, headers="keys", tablefmt="pipe", missingval="–", disable_numparse=True))
