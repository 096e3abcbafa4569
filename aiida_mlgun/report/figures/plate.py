"""A figure with its name and caption; the look that all figures share.  No pyplot, no global state."""

from __future__ import annotations

import io
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any, Final

import matplotlib as mpl
from matplotlib.axes import Axes
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure

from ..inputs import Ensemble

# Okabe & Ito's colours, told apart by all kinds of colour vision (Color Universal Design, 2008).
BLUE: Final = "#0072B2"
SKY: Final = "#56B4E9"
GREEN: Final = "#009E73"
ORANGE: Final = "#E69F00"
VERMILION: Final = "#D55E00"
PURPLE: Final = "#CC79A7"
YELLOW: Final = "#F0E442"
INK: Final = "#22303C"
GREY: Final = "#8A949C"
PALE: Final = "#DDE2E6"

PRODUCTIVE: Final = BLUE
UNPRODUCTIVE: Final = "#C9793F"
_BINDING_CYCLE: Final = (BLUE, GREEN, PURPLE, SKY, "#4B3B8F", "#6FA83A", "#004D5C", "#B05FD0")
_OTHER_CYCLE: Final = (VERMILION, ORANGE, "#7A4A21", "#B8860B", GREY)

DPI: Final = 160
WIDTH: Final = 8.6
_STYLE: Final[dict[str, Any]] = {
    "font.family": "DejaVu Sans",
    "font.size": 9.5,
    "axes.titlesize": 10.5,
    "axes.titleweight": "bold",
    "axes.titlelocation": "left",
    "axes.titlepad": 8.0,
    "axes.labelcolor": INK,
    "axes.edgecolor": GREY,
    "axes.linewidth": 0.8,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "axes.axisbelow": True,
    "text.color": INK,
    "xtick.color": INK,
    "ytick.color": INK,
    "xtick.labelsize": 9,
    "ytick.labelsize": 9,
    "grid.color": PALE,
    "grid.linewidth": 0.7,
    "legend.frameon": False,
    "legend.fontsize": 9,
    "lines.linewidth": 1.6,
    "figure.facecolor": "white",
    "savefig.facecolor": "white",
}


@dataclass(frozen=True)
class Plate:
    """A figure on the page.

    :param name: file name without ending.
    :param heading: what stands over it.
    :param caption: what is seen, with units and where the numbers come from; plain text.
    """

    name: str
    heading: str
    caption: str
    figure: Figure

    def png(self) -> bytes:
        """The figure as PNG; equal figures give equal bytes."""
        buffer = io.BytesIO()
        with style():
            self.figure.savefig(buffer, format="png", dpi=DPI, metadata={"Software": None})
        return buffer.getvalue()

    @property
    def width(self) -> float:
        """Inches."""
        return float(self.figure.get_figwidth())


@contextmanager
def style() -> Iterator[None]:
    """The shared look, within ``with``."""
    with mpl.rc_context():
        mpl.rcdefaults()
        parameters: Any = mpl.rcParams
        parameters.update(_STYLE)
        yield


def sheet(
    rows: int = 1, columns: int = 1, *, height: float, width: float = WIDTH, **kwargs: Any
) -> tuple[Figure, list[Axes]]:
    """A figure with ``rows`` × ``columns`` axes, row by row; inches."""
    figure = Figure(figsize=(width, height), layout="constrained")
    FigureCanvasAgg(figure)
    axes = figure.subplots(rows, columns, squeeze=False, **kwargs)
    return figure, [axis for row in axes for axis in row]


def colours(ensemble: Ensemble) -> dict[str, str]:
    """A colour per outcome that occurs: cool for binding, warm for the others, the most frequent ones first.

    Cycles repeat after eight and five.
    """
    seen, ends = ensemble.seen, ensemble.outcomes
    chosen: dict[str, str] = {}
    for cycle, kind in ((_BINDING_CYCLE, True), (_OTHER_CYCLE, False)):
        mine = sorted((name for name in seen if ensemble.is_productive(name) is kind), key=lambda n: -ends.count(n))
        chosen |= {name: cycle[i % len(cycle)] for i, name in enumerate(mine)}
    return chosen
