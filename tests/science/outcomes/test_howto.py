"""The example of docs/howto/catalogue.md does what it says."""

from __future__ import annotations

import re
from pathlib import Path

import numpy as np
import pytest
from ase.build import fcc111, molecule

from aiida_mlgun.contract.shooting import Decision
from aiida_mlgun.science.outcomes import System, complete_chemistry, outcome_names, reclassify
from aiida_mlgun.science.outcomes.conditions import COUNTS, FLAGS, NAMES, PAIRS, SITES
from aiida_mlgun.science.slabs import analyse

PAGE = Path(__file__).parents[3] / "docs" / "howto" / "catalogue.md"
UP = np.array([0.0, 0.0, 1.0])


@pytest.fixture
def example(tmp_path: Path) -> Path:
    (text,) = re.findall(r"```yaml\n(.*?)```", PAGE.read_text(encoding="utf-8"), re.DOTALL)
    path = tmp_path / "amine_on_copper.yaml"
    path.write_text(text, encoding="utf-8")
    return path


@pytest.mark.parametrize(
    ("kind", "height", "mode"),
    [("top", 2.1, "atop"), ("fcc", 1.5, "hollow"), ("bridge_site", 1.7, "other"), ("top", 3.5, "free")],
)
def test_methylamine_on_copper(example: Path, kind: str, height: float, mode: str) -> None:
    slab, guest = fcc111("Cu", (4, 4, 4), a=3.61, vacuum=15), molecule("H3CNH2")
    guest.rotate(guest.positions[1] - guest.positions[0], -UP)
    known = analyse(slab.numbers.astype(np.int64), slab.positions, slab.cell.array, slab.pbc)
    place = next(site.position for site in known.sites if site.kind == kind)
    here = guest.positions - guest.positions[1] + place + height * UP
    chemistry = complete_chemistry({"file": str(example)}, guest.numbers.astype(np.int64), guest.positions)
    numbers = np.concatenate([slab.numbers, guest.numbers]).astype(np.int64)
    system = System(known, numbers, slab.cell.array, slab.pbc, guest.positions)
    positions = np.concatenate([slab.positions, here])[None]
    verdict = reclassify(system, chemistry, Decision(), positions, np.zeros_like(positions), ["max_steps"])[0]
    assert verdict.mode == mode, verdict.reason
    assert outcome_names(chemistry) == ("torn", "broken", "N-H cleaved", "atop", "hollow", "free", "other")


def test_the_page_names_every_condition_and_site() -> None:
    text = PAGE.read_text(encoding="utf-8")
    assert [name for name in (*FLAGS, *COUNTS, *PAIRS, *NAMES, *SITES) if f"`{name}`" not in text] == []
