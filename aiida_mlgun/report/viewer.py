"""What the viewer in the page is told of each example: atoms, bonds and frames as JSON (row O10)."""

from __future__ import annotations

import json
import re
from collections.abc import Sequence
from dataclasses import dataclass
from importlib.resources import files
from typing import Any, Final

import numpy as np
from ase.data import chemical_symbols
from markupsafe import Markup
from matplotlib.colors import to_hex

from ..contract.shooting import BondRule
from .examples import Example
from .export import extended_xyz
from .figures.atoms import Ints, Scene, bonded, copies, drawn_radii, element_colour, loose, tied
from .inputs import Ensemble, Floats
from .words import label

#: Å: lateral distance from the molecule up to which slab atoms are shown.
_REACH: Final = 7.0
#: Frames of one movie in the page; the file beside it has all.
MOST_FRAMES: Final = 60
#: Places are told in whole hundredths of an Å.
_FINE: Final = 100


@dataclass(frozen=True)
class Viewer:
    """What the template needs.

    :param data: JSON, safe inside a script element.
    :param library, licence, code: the texts of the viewer's library, of its licence, and of our own script.
    """

    examples: Sequence[dict[str, Any]]
    data: Markup
    library: Markup
    licence: Markup
    code: Markup


def viewer(ensemble: Ensemble, shown: Sequence[Example]) -> Viewer | None:
    """The viewer with these examples; None if there is none."""
    if not shown:
        return None
    told = [_told(ensemble, one) for one in shown]
    symbols = sorted({symbol for one in told for symbol in one["symbols"]})
    styles = {symbol: _style(chemical_symbols.index(symbol)) for symbol in symbols}
    lateral = np.asarray(ensemble.arrays["cell"], dtype=np.float64)[:2, :2]
    content = {"fine": _FINE, "styles": styles, "cell": np.round(lateral, 4).tolist(), "examples": told}
    text = json.dumps(content, separators=(",", ":"), allow_nan=False)
    return Viewer(told, inline(text), inline(_asset("3Dmol-min.js")), inline(_asset("3Dmol-min.LICENSE.txt")), _code())


def file_name(example: Example) -> str:
    """``on_top_CC0_shot12.xyz``."""
    return f"{re.sub(r'[^A-Za-z0-9]+', '_', example.outcome).strip('_')}_shot{example.shot}.xyz"


def inline(text: str) -> Markup:
    """Text that cannot end the script element it stands in.

    :raises ValueError: when it could and is no JSON, where ``<`` has another spelling.
    """
    if text.startswith("{"):
        return Markup(text.replace("<", "\\u003c"))
    if re.search(r"</script|<!--", text, re.IGNORECASE):
        raise ValueError("a script to inline must not hold </script or <!--.")
    return Markup(text)


def _told(ensemble: Ensemble, example: Example) -> dict[str, Any]:
    numbers = np.asarray(ensemble.arrays["numbers"], dtype=np.int64)
    index, shift = copies(ensemble, example.positions, reach=_REACH)
    last = Scene(numbers[index], example.positions[index] + shift, index >= ensemble.n_slab)
    kept = tied(last)
    index, shift = index[kept], shift[kept]
    symbols = [chemical_symbols[z] for z in np.unique(numbers[index])]
    slab = last.positions[~last.molecule & kept]
    return {
        "outcome": example.outcome,
        "label": label(example.outcome),
        "binds": ensemble.is_productive(example.outcome),
        "shot": example.shot,
        "file": file_name(example),
        "symbols": symbols,
        "kinds": [symbols.index(chemical_symbols[z]) for z in numbers[index]],
        "view": _broad_side(last),
        "base": round(float(slab[:, 2].min()), 2) if len(slab) else 0.0,
        "heart": np.round(slab.mean(axis=0), 2).tolist() if len(slab) else [0.0, 0.0, 0.0],
        "frames": _frames(ensemble, example, index, shift),
        "xyz": extended_xyz(ensemble, example, moving=False),
    }


def _broad_side(what: Scene) -> str:
    """The view in which the molecule looks longer: ``side``, along b, or ``end``, along a."""
    spread = np.ptp(what.positions[what.molecule, :2], axis=0) if what.molecule.any() else (1.0, 0.0)
    return "side" if spread[0] >= spread[1] else "end"


def _frames(ensemble: Ensemble, example: Example, index: Ints, shift: Floats) -> list[dict[str, Any]]:
    """Frames in time; the last is the end.  A frame without bonds of its own has those of the one before."""
    numbers = np.asarray(ensemble.arrays["numbers"], dtype=np.int64)[index]
    molecule = index >= ensemble.n_slab
    end = ensemble.column("end_fs")[example.row]
    places = [(float(end) if np.isfinite(end) else None, example.positions)]
    if example.movie is not None:
        k = len(example.movie.time_fs)
        chosen = np.unique(np.rint(np.linspace(0, k - 1, min(k, MOST_FRAMES))).astype(int))
        places = [(float(example.movie.time_fs[i]), example.movie.positions[i]) for i in chosen]
    found: list[dict[str, Any]] = []
    before: tuple[list[int], list[int]] | None = None
    for time, positions in places:
        now = Scene(numbers, positions[index] + shift, molecule)
        pairs = (_flat(bonded(now, BondRule())), _flat(loose(now, BondRule())))
        frame: dict[str, Any] = {"t": None if time is None else round(time, 1)}
        frame["xyz"] = np.rint(_FINE * now.positions).astype(int).ravel().tolist()
        if pairs != before:
            frame |= {"bonds": pairs[0], "loose": pairs[1]}
        found.append(frame)
        before = pairs
    return found


def _flat(pairs: Sequence[tuple[int, int]]) -> list[int]:
    return [i for pair in pairs for i in pair]


def _style(number: int) -> dict[str, Any]:
    return {"colour": to_hex(element_colour(number)), "radius": round(float(drawn_radii(np.array([number]))[0]), 3)}


def _asset(name: str) -> str:
    return files(__package__).joinpath("assets", name).read_text(encoding="utf-8")


def _code() -> Markup:
    return inline(_asset("viewer.js"))
