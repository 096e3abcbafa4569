"""The page: one HTML file that holds everything it shows, and its figures as PNG beside it."""

from __future__ import annotations

import base64
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Final

from jinja2 import Environment, PackageLoader, StrictUndefined
from markupsafe import Markup

from ..science.statistics import never_seen
from .answer import answer, cautions, facts
from .curated import Curation
from .curated_answer import curation_cautions, curation_facts, curation_sentence, split_sentence
from .curated_rows import e0_text, filter_rows, quantity_text, stratum_rows
from .figures import (
    convergence,
    coverage,
    curation,
    distribution,
    energy,
    histograms,
    sampling,
    structures,
    timeline,
)
from .figures.plate import Plate
from .inputs import Ensemble, Report
from .tables import binding, error_rows, outcome_rows, text
from .trained_answer import trained_cautions
from .training_page import training_plates, training_tables
from .words import big, interval, percent

PAGE: Final = "report.html"
FIGURES: Final = "figures"
#: CSS pixels per inch of figure.
_PIXELS: Final = 96


def write(report: Report, folder: Path) -> Path:
    """Write ``report.html`` and ``figures/*.png`` into ``folder`` (made if it is not there); returns the page's path.

    The page needs nothing else: figures are inlined, there are no scripts and no links to the network.
    """
    plates = {plate.name: plate for plate in draw(report)}
    figures = folder / FIGURES
    figures.mkdir(parents=True, exist_ok=True)
    images: dict[str, Markup] = {}
    for name, plate in plates.items():
        content = plate.png()
        (figures / f"{name}.png").write_bytes(content)
        images[name] = _inlined(plate, content)
    page = folder / PAGE
    page.write_text(render(report, plates, images), encoding="utf-8")
    return page


def draw(report: Report) -> Iterator[Plate]:
    """All figures for which the report has something to show."""
    candidates: list[Plate | None] = [*training_plates(report)]
    candidates += [curation.plate(report.curations), histograms.plate(report.curations)]
    several = len(report.curations) > 1
    for i, one in enumerate(report.curations):
        if one.coverage is not None:
            candidates.append(coverage.plate(one.coverage, _coverage_name(i), one.name if several else ""))
    if report.ensemble is not None:
        drawers = (distribution, structures, sampling, convergence, timeline, energy)
        candidates += [drawer.plate(report.ensemble) for drawer in drawers]
    yield from (plate for plate in candidates if plate is not None)


def render(report: Report, plates: dict[str, Plate], images: dict[str, Markup]) -> str:
    """The page's text."""
    tidy: dict[str, Any] = {"trim_blocks": True, "lstrip_blocks": True}
    environment = Environment(loader=PackageLoader(__package__), autoescape=True, undefined=StrictUndefined, **tidy)
    environment.filters |= {"cell": _cell, "percent": percent, "big": big}
    ensemble = report.ensemble
    only_data = bool(report.curations) and not ensemble and not report.stages
    return environment.get_template("report.html.j2").render(
        report=report,
        answer=answer(report),
        plates=plates,
        images=images,
        facts=facts(ensemble) if ensemble else curation_facts(report.curations) if only_data else [],
        cautions=_cautions(report, only_data),
        outcomes=_outcomes(ensemble) if ensemble else [],
        has_states=ensemble is not None and binding(ensemble)["state_low"] is not None,
        unseen=never_seen(len(ensemble)) if ensemble else None,
        errors=error_rows(report.stages),
        training=training_tables(report),
        datasets=[
            _dataset(i, one, told=only_data and len(report.curations) == 1) for i, one in enumerate(report.curations)
        ],
    )


def _inlined(plate: Plate, content: bytes) -> Markup:
    data = base64.b64encode(content).decode("ascii")
    tag = '<img src="data:image/png;base64,{}" alt="{}" style="width:{}px">'
    return Markup(tag).format(data, plate.heading, round(_PIXELS * plate.width))


def _cell(value: Any) -> str:
    return text(value, missing="–")


def _outcomes(ensemble: Ensemble) -> list[dict[str, Any]]:
    rows = []
    for row in outcome_rows(ensemble):
        state = None if row["state_low"] is None else interval(row["state_low"], row["state_high"])
        bond = None if row["bond_fs"] is None else f"{row['bond_fs'] / 1000:.2f}"
        rows.append(row | {"ci": interval(row["low"], row["high"]), "state_ci": state, "bond_ps": bond})
    return rows


def _cautions(report: Report, only_data: bool) -> list[str]:
    if report.ensemble is not None:
        return cautions(report.ensemble)
    return curation_cautions(report.curations) if only_data else trained_cautions(report.trained)


def _coverage_name(i: int) -> str:
    return f"coverage_{i + 1}" if i else "coverage"


def _dataset(i: int, one: Curation, told: bool) -> dict[str, Any]:
    """What the page says of one dataset; ``told``: its sentence already leads the page."""
    return {
        "name": one.name,
        "sentence": "" if told else curation_sentence(one),
        "split": split_sentence(one),
        "filters": filter_rows(one),
        "strata": stratum_rows(one),
        "quantity": quantity_text(one),
        "e0s": one.e0s.values if one.e0s else {},
        "e0_text": e0_text(one),
        "files": one.files,
        "coverage": _coverage_name(i),
    }
