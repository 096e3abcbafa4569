"""The page in a real Chromium without a network: atoms are drawn, buttons work, nobody is asked for anything."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from aiida_mlgun.report.inputs import Ensemble, Report
from aiida_mlgun.report.page import write

from .browser import Visit, chromium, visit
from .test_viewer import moving

MakeEnsemble = Callable[..., Ensemble]

pytestmark = pytest.mark.skipif(
    chromium() is None, reason="NOT TESTED in a browser: there is no Chromium; tools/debian_packages.sh installs it"
)
#: Pressed in turn in a copy of the page, each followed by what the stage then shows.
_SCRIPT = """
<script>
const told = [];
const stage = document.getElementById("viewer-stage");
const shown = () => [stage.dataset.outcome, stage.dataset.frame, stage.dataset.atoms].join("/");
const note = (what) => told.push(what + "=" + shown());
note("start");
document.querySelector('[data-example="1"]').click(); note("second");
document.querySelector('[data-example="0"]').click();
const slider = document.getElementById("viewer-frame");
slider.value = 0; slider.dispatchEvent(new Event("input")); note("slider");
document.querySelector('[data-view="top"]').click(); note("top");
document.getElementById("viewer-spin").click(); document.getElementById("viewer-spin").click(); note("spin");
fetch("http://elsewhere.invalid/x").then(() => told.push("fetched"), () => told.push("refused")).finally(() => {
  document.body.dataset.told = told.join(" ");
});
document.getElementById("viewer-play").click();
</script>
"""


@pytest.fixture(scope="module")
def page(make_ensemble: MakeEnsemble, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Two outcomes, the first one in motion."""
    ensemble = moving(make_ensemble(outcomes=["on_top CC0", "intact"]), 0)
    return write(Report("t", "", ensemble=ensemble), tmp_path_factory.mktemp("page"))


@pytest.fixture(scope="module")
def seen(page: Path, tmp_path_factory: pytest.TempPathFactory) -> Visit:
    return visit(page, tmp_path_factory.mktemp("visit"))


def test_atoms_are_drawn(seen: Visit) -> None:
    assert seen.attribute("viewer-stage", "data-error") is None
    assert seen.attribute("viewer-stage", "data-outcome") == "on_top CC0"
    assert int(seen.attribute("viewer-stage", "data-atoms") or 0) > 50
    pixels = np.asarray(Image.open(seen.picture).convert("RGB")).astype(int)
    stage = (np.abs(pixels - [0xEA, 0xEF, 0xF3]).max(axis=2) <= 2).any(axis=1)  # rows with the stage's background
    rows = pixels[np.flatnonzero(stage).min() : np.flatnonzero(stage).max() + 1]
    blue = (rows[:, :, 2] - rows[:, :, 0] > 40) & (rows[:, :, 2] > 90)  # silicon
    dark = rows.max(axis=2) < 70  # carbon and outlines
    assert blue.sum() > 3000 and dark.sum() > 500


def test_nobody_is_asked_for_anything(seen: Visit) -> None:
    assert seen.asked_by_page == []


def test_a_page_that_asks_is_noticed(tmp_path: Path) -> None:
    page = tmp_path / "asks.html"
    page.write_text('<body><script>fetch("http://elsewhere.invalid/x")</script></body>', encoding="utf-8")
    assert {line.split()[1] for line in visit(page, tmp_path).asked_by_page} == {"http://elsewhere.invalid/x"}


def test_the_player_is_there_for_a_shot_with_a_path(seen: Visit) -> None:
    assert seen.attribute("viewer-frame", "max") == "4"
    assert "hidden" not in (seen.html.split('id="viewer-player"')[1].split(">")[0])


def test_buttons_work_and_requests_are_refused(page: Path, tmp_path: Path) -> None:
    pressed = tmp_path / "pressed.html"
    pressed.write_text(page.read_text(encoding="utf-8").replace("</body>", f"{_SCRIPT}</body>"), encoding="utf-8")
    found = visit(pressed, tmp_path)
    told = found.html.split('data-told="')[1].split('"')[0].split(" refused")[0]
    atoms = [int(part.rsplit("/", 1)[1].split()[0]) for part in told.split("=")[1:]]
    assert [part.rsplit("/", 1)[0] for part in told.replace("on_top CC0", "top").split()] == [
        "start=top/4",
        "second=intact/0",
        "slider=top/0",
        "top=top/0",
        "spin=top/0",
    ]
    assert min(atoms) > 50 and atoms[0] == atoms[2]
    assert ' refused"' in found.html and "fetched" not in found.html.split('data-told="')[1].split('"')[0]
    assert found.asked_by_page == []
    assert found.attribute("viewer-stage", "data-frame") == "4"  # played to its end


def test_without_webgl_the_page_says_so(page: Path, tmp_path: Path) -> None:
    broken = tmp_path / "broken.html"
    deaf = "<script>for (const c of [HTMLCanvasElement, OffscreenCanvas]) c.prototype.getContext = () => null;</script>"
    broken.write_text(page.read_text(encoding="utf-8").replace("<body>", f"<body>{deaf}"), encoding="utf-8")
    found = visit(broken, tmp_path)
    assert found.attribute("viewer-stage", "data-error")
    assert "hidden" not in found.html.split('id="viewer-missing"')[1].split(">")[0]
    assert "hidden" in found.html.split('id="viewer-tools"')[1].split(">")[0]
