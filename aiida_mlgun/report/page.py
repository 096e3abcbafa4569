"""The page: one HTML file that holds everything it shows, and its figures as PNG beside it."""

from __future__ import annotations

import base64
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any, Final

from jinja2 import Environment, PackageLoader, StrictUndefined
from markupsafe import Markup

from ..science.statistics import never_seen
from .against import against_rows, against_sentence
from .answer import answer, cautions, facts
from .cost import SOURCE, cost_rows, cost_sentence
from .course import course_cautions, course_sentence, look_rows, sequential_rows
from .curated import Curation
from .curated_answer import curation_cautions, curation_facts, curation_sentence, split_sentence
from .curated_rows import e0_text, filter_rows, quantity_text, stratum_rows
from .examples import Example, examples
from .export import extended_xyz
from .figures import (
    convergence,
    coverage,
    curation,
    distribution,
    energy,
    histograms,
    precursor,
    sampling,
    small_sets,
    structures,
    timeline,
    times,
)
from .figures.plate import Plate
from .inputs import Ensemble, Report
from .tables import binding, error_rows, outcome_rows, text
from .trained_answer import trained_cautions
from .training_page import training_plates, training_tables
from .viewer import file_name, viewer
from .words import big, interval, percent

PAGE: Final = "report.html"
FIGURES: Final = "figures"
STRUCTURES: Final = "structures"
#: CSS pixels per inch of figure.
_PIXELS: Final = 96


def write(report: Report, folder: Path) -> Path:
    """Write the page into ``folder`` (made if it is not there); returns its path.

    Beside ``report.html`` stand ``figures/*.png`` and, of one shot per outcome, ``structures/*.xyz``.  The page needs
    neither: figures and structures are inlined.  It makes no request; scripts are in it only if there are structures.
    """
    plates = {plate.name: plate for plate in draw(report)}
    figures = folder / FIGURES
    figures.mkdir(parents=True, exist_ok=True)
    images: dict[str, Markup] = {}
    for name, plate in plates.items():
        content = plate.png()
        (figures / f"{name}.png").write_bytes(content)
        images[name] = _inlined(plate, content)
    shown = examples(report.ensemble) if report.ensemble is not None else []
    for one in shown:
        _export(report.ensemble, one, folder / STRUCTURES)
    page = folder / PAGE
    page.write_text(render(report, plates, images, shown), encoding="utf-8")
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
        drawers = (distribution, structures, convergence, small_sets, timeline, times, precursor, energy)
        candidates += [drawer.plate(report.ensemble) for drawer in drawers]
        candidates += sampling.plates(report.ensemble)
    yield from (plate for plate in candidates if plate is not None)


def render(report: Report, plates: dict[str, Plate], images: dict[str, Markup], shown: Sequence[Example] = ()) -> str:
    """The page's text.

    :param shown: the shots to put into the viewer.
    """
    tidy: dict[str, Any] = {"trim_blocks": True, "lstrip_blocks": True}
    environment = Environment(loader=PackageLoader(__package__), autoescape=True, undefined=StrictUndefined, **tidy)
    environment.filters |= {"cell": _cell, "percent": percent, "big": big}
    ensemble = report.ensemble
    only_data = bool(report.curations) and not ensemble and not report.stages
    efforts = report.costs.efforts if report.costs else ()
    return environment.get_template("report.html.j2").render(
        report=report,
        answer=answer(report).replace(" %", "\u00a0%"),
        plates=plates,
        images=images,
        facts=facts(ensemble) if ensemble else curation_facts(report.curations) if only_data else [],
        cautions=_cautions(report, only_data),
        outcomes=_outcomes(ensemble) if ensemble else [],
        course_words=course_sentence(report.course) if report.course else "",
        looks=look_rows(report.course) if report.course else [],
        sequential=sequential_rows(report.course) if report.course else [],
        has_states=ensemble is not None and binding(ensemble)["state_low"] is not None,
        unseen=never_seen(len(ensemble)) if ensemble else None,
        against=against_rows(ensemble) if ensemble else [],
        against_words=against_sentence(ensemble) if ensemble else "",
        viewer=viewer(ensemble, shown) if ensemble else None,
        dynamics=cost_rows(efforts),
        dynamics_words=cost_sentence(efforts),
        cost_source=SOURCE,
        errors=error_rows(report.stages),
        training=training_tables(report),
        datasets=[
            _dataset(i, one, told=only_data and len(report.curations) == 1) for i, one in enumerate(report.curations)
        ],
    )


def _export(ensemble: Ensemble | None, example: Example, folder: Path) -> None:
    if ensemble is not None:
        folder.mkdir(parents=True, exist_ok=True)
        (folder / file_name(example)).write_text(extended_xyz(ensemble, example, moving=True), encoding="utf-8")


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
        told = {"ci": interval(row["low"], row["high"]), "state_ci": state, "bond_ps": bond}
        rows.append(row | told | {"highlight": ensemble.is_highlighted(row["outcome"])})
    return rows


def _cautions(report: Report, only_data: bool) -> list[str]:
    if report.ensemble is not None:
        told = course_cautions(report.course) if report.course else []
        return told + cautions(report.ensemble)
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
