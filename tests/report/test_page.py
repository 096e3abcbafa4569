"""A whole report: what is on the page, that it needs nothing else, and that it survives every edge."""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import replace
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

import matplotlib as mpl
import numpy as np
import pytest

from aiida_mlgun.report.curated import Curation, Leaks
from aiida_mlgun.report.inputs import Ensemble, Forgetting, Report, Stage
from aiida_mlgun.report.page import draw, write

MakeEnsemble = Callable[..., Ensemble]
ALL = {"outcomes", "structures", "sampling", "sampling_outcomes", "sampling_side", "convergence", "small_sets"}
ALL |= {"timeline", "precursor", "energy", "training", "curation", "histograms", "coverage", "forgetting"}
VOID = {"meta", "img", "br", "link", "input"}


class _Tags(HTMLParser):
    """Checks that tags close in order and collects what could reach outside."""

    def __init__(self) -> None:
        super().__init__()
        self.open: list[str] = []
        self.links: list[str] = []
        self.scripts: list[dict[str, str | None]] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.links += [value or "" for name, value in attrs if name in ("src", "href")]
        if tag == "script":
            self.scripts.append(dict(attrs))
        if tag not in VOID:
            self.open.append(tag)

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag


def _read(page: Path) -> str:
    content = page.read_text(encoding="utf-8")
    tags = _Tags()
    tags.feed(content)
    assert not tags.open
    assert all(link.startswith("data:image/png;base64,") for link in tags.links)
    assert "default-src 'none'; img-src data:; style-src 'unsafe-inline'" in content
    assert len(tags.scripts) == (4 if 'id="viewer"' in content else 0)
    assert all("src" not in script for script in tags.scripts)
    return content


def _own(content: str) -> str:
    """The page without figures and without what is in scripts."""
    bare = re.sub(r"base64,[^\"]*", "", content)
    return re.sub(r"(<script[^>]*>).*?</script>", r"\1</script>", bare, flags=re.DOTALL)


def test_everything_is_on_the_page(report: Report, tmp_path: Path) -> None:
    page = write(report, tmp_path / "new")
    assert page == tmp_path / "new" / "report.html"
    content = _read(page)
    assert {path.stem for path in (tmp_path / "new" / "figures").glob("*.png")} == ALL
    assert {name for name in ALL if f'<figure id="{name}">' in content} == ALL
    for words in ("C₂H₂ binds in", "on-top CC0", "GFN1-xTB", "What is remembered", "WorkChain 8d1f", "--shots 48"):
        assert words in content
    assert "http" not in _own(content).replace('http-equiv="', "")
    exported = sorted(path.name for path in (tmp_path / "new" / "structures").iterdir())
    assert len(exported) == len(set(report.ensemble.outcomes)) and "on_top_CC0_shot0.xyz" in exported
    for words in ("Against 10 DFT shots", "Weiske et al., Digital Discovery 2026", "3Dmol.js (N. Rego"):
        assert words in content


def test_text_is_escaped(tmp_path: Path) -> None:
    report = Report("<b>x</b>", "a & b", provenance=[("<i>", "<script>")], commands=["a < b && c"])
    content = _read(write(report, tmp_path))
    assert "<b>x" not in content and "a &lt; b &amp;&amp; c" in content


def test_an_empty_report_is_a_page(tmp_path: Path) -> None:
    content = _read(write(Report("Nothing yet", ""), tmp_path))
    assert "There is nothing to report yet." in content
    assert "<figure" not in content and "<table" not in content


def test_equal_input_gives_equal_files(make_ensemble: MakeEnsemble, tmp_path: Path) -> None:
    pages = [write(Report("t", "", ensemble=make_ensemble(4)), tmp_path / name) for name in "ab"]
    assert pages[0].read_bytes() == pages[1].read_bytes()


def test_matplotlib_is_left_as_it_was(make_ensemble: MakeEnsemble) -> None:
    before = dict(mpl.rcParams)
    assert list(draw(Report("t", "", ensemble=make_ensemble(3))))
    assert dict(mpl.rcParams) == before


NAN = np.full(6, np.nan)
EDGES: dict[str, dict[str, Any]] = {
    "one shot": {"n": 1},
    "two shots": {"n": 2},
    "all the same": {"outcomes": ["on_top CC0"] * 6},
    "nothing binds": {"outcomes": ["intact"] * 6},
    "only undecided": {"outcomes": ["undecided"] * 6},
    "only explosions": {"outcomes": ["explosion"] * 6},
    "no times": {"n": 6, "arrays": {"contact_fs": NAN, "bond_fs": NAN, "end_fs": NAN}},
    "no contact": {"n": 6, "arrays": {"contact_fs": NAN, "bond_fs": NAN}},
    "no energies": {"n": 6, "arrays": {"drift": NAN, "energy_max_dev": NAN}},
    "no drift at all": {"n": 6, "arrays": {"drift": np.zeros(6), "energy_max_dev": np.zeros(6)}},
    "ended at once": {"n": 6, "arrays": {"contact_fs": NAN, "bond_fs": NAN, "end_fs": np.zeros(6)}},
    "many, none touched": {"n": 70, "arrays": {"contact_fs": np.full(70, np.nan), "bond_fs": np.full(70, np.nan)}},
    "no layers": {"n": 6, "arrays": {"layer": None, "dimers": None, "surface_z": None, "pbc": None}},
    "no dimers": {"n": 6, "arrays": {"dimers": np.empty((0, 2), dtype=int)}},
    "no path": {"n": 6, "arrays": {"path": None, "path_offsets": None}},
    "no events": {"n": 6, "arrays": {"event_offsets": None, "event_time": None, "event_text": None}},
    "no geometry": {"n": 6, "arrays": dict.fromkeys(("positions", "numbers", "n_slab", "cell", "path"))},
    "no final geometry kept": {
        "n": 6,
        "arrays": {
            "final_offsets": np.zeros(7, dtype=int),
            "positions": np.empty((0, 32, 3)),
            "velocities": np.empty((0, 32, 3)),
        },
    },
}


@pytest.mark.parametrize("edge", EDGES)
def test_edges(edge: str, make_ensemble: MakeEnsemble, tmp_path: Path) -> None:
    content = _read(write(Report("t", "", ensemble=make_ensemble(**EDGES[edge])), tmp_path))
    assert '<figure id="outcomes">' in content
    assert "nan" not in _own(content).lower().split("<body>")[1]


def test_atoms_that_flew_apart(make_ensemble: MakeEnsemble, tmp_path: Path) -> None:
    one = make_ensemble(outcomes=["explosion", "explosion"])
    positions = one.arrays["positions"].copy()
    positions[0, -4:] *= 1e6
    positions[1, -4:] = np.nan
    content = _read(
        write(Report("t", "", ensemble=replace(one, arrays={**one.arrays, "positions": positions})), tmp_path)
    )
    assert '<figure id="structures">' in content


def test_an_oblique_cell(make_ensemble: MakeEnsemble, tmp_path: Path) -> None:
    cell = np.array([[7.7, 0, 0], [3.9, 6.7, 0], [0, 0, 40]])
    content = _read(write(Report("t", "", ensemble=make_ensemble(5, arrays={"cell": cell})), tmp_path))
    assert '<figure id="sampling">' in content


def test_stages_and_curations_at_their_edges(stages: list[Stage], tmp_path: Path) -> None:
    first = {name: column[:1] for name, column in stages[0].history.items()}
    unknown = {"epoch": [0, 1], "rmse_energy": [None, None], "rmse_forces": [0.1, None]}
    odd = [replace(stages[0], history=first), Stage("b", "", unknown, {}), Stage("c", "", {}, {"test": {}})]
    empty = [Curation("none", 0, 0), Curation("only atoms", 3, 3, counts={"train": 0})]
    forgetting = Forgetting(["a"], ["x", "y"], [[None, 0.0]], [[None, None]])
    content = _read(write(Report("t", "", stages=odd, curations=empty, forgetting=forgetting), tmp_path))
    assert '<figure id="training">' in content
    assert '<figure id="curation">' not in content
    assert '<figure id="histograms">' not in content and '<figure id="coverage">' not in content


def test_a_page_of_a_curation_leads_with_what_came_out(curations: list[Curation], tmp_path: Path) -> None:
    content = _read(write(Report("t", "", curations=curations[:1]), tmp_path))
    plain = re.sub(r"base64,[^\"]*", "", content)
    assert {path.stem for path in (tmp_path / "figures").glob("*.png")} == {"curation", "histograms", "coverage"}
    assert plain.count("704 raw frames") == 1
    for words in (
        "→ 500 train / 50 validation / 100 test; 51 dropped by 3 filters; ",
        "20 of the training frames selected by their descriptors; no frame and no run stands on two sides.",
        "There are no test frames of molecule: their errors stay unknown.",
        "97 %</b>of the full set covered",
        "H₈Si₁₆",
        "−3.400 … −2.000",
        "ceiling 50 eV/Å",
        "100, 101, 102, 103, 104, 105, …",
        "least-squares fit over the compositions of the clean frames",
        "energy: REF_energy, forces: REF_forces</td>",
        "of 100 and 250 frames. Level of theory: GFN1-xTB.",
    ):
        assert words in plain


def test_several_curations_each_say_their_own(curations: list[Curation], tmp_path: Path) -> None:
    hostile = replace(curations[1], name="<b>broad</b>", leaks=Leaks(2, 1), coverage=curations[0].coverage)
    content = _read(write(Report("t", "", curations=[curations[0], hostile]), tmp_path))
    assert "Data: &lt;b&gt;broad&lt;/b&gt;" in content and "<b>broad" not in content
    assert '<figure id="coverage">' in content and '<figure id="coverage_2">' in content
    assert "2 frames stand on two sides, 1 run does." in content and "303\u202f657 left out by thinning" in content
