"""The cell of a CP2K run: from the ``.cell`` file, from the input, or from the main output where it is exact enough."""

from __future__ import annotations

import re
from pathlib import Path

import numpy as np
from ase.geometry import cellpar_to_cell
from numpy.typing import NDArray

from ..contract.errors import RefusedError
from .cp2k_log import Head
from .opening import open_stream
from .text import CutError, NumberedLines, real

Floats = NDArray[np.float64]
PRINTED = 6e-4  # Å; the main output rounds components to 0.001 Å, lengths and angles to six decimals
MOVING = ("NPT", "NPE", "CELL_OPT")


class Cells:
    """The cell of each step of a run.

    :param head: what stands on top of the main output ``log``; the other files are looked for beside it.
    :raises RefusedError: when no file tells the cell well enough.
    """

    def __init__(self, log: Path, head: Head) -> None:
        self._by_step: dict[int, Floats] = {}
        self._fixed: Floats | None = None
        self._name = log.name
        table = log.parent / f"{head.project}-1.cell"
        if head.project and table.is_file():
            self._by_step = _table(table)
        elif any(kind in f"{head.ensemble} {head.run_type}" for kind in MOVING):
            raise RefusedError(
                f"{log.name}: the cell changes in this run. Put {table.name} beside it (CP2K: &MOTION &PRINT &CELL)."
            )
        else:
            self._fixed = _input(log.parent / head.input_file, head) if head.input_file else None
            self._fixed = _printed(head) if self._fixed is None else self._fixed
            if self._fixed is None:
                raise RefusedError(
                    f"{log.name}: its cell is not told exactly enough. Put the input file "
                    f"{head.input_file or '(.inp)'} or {table.name} beside it (CP2K: &MOTION &PRINT &CELL)."
                )

    def at(self, step: int, frame: int) -> Floats:
        """(3, 3), Å, the cell of the run's step ``step``.

        :raises RefusedError: when the ``.cell`` file does not have it.
        """
        found = self._fixed if self._fixed is not None else self._by_step.get(step)
        if found is None:
            raise RefusedError(f"{self._name}, frame {frame}: the .cell file has no step {step}. Print it each step.")
        return found


def _table(path: Path) -> dict[int, Floats]:
    """Step → (3, 3), Å.  Columns: step, time, nine components, volume."""
    cells: dict[int, Floats] = {}
    with open_stream(path) as stream:
        lines = NumberedLines(stream, path.name)
        try:
            for line in lines:
                if line.lstrip().startswith("#") or not line.strip():
                    if line.strip() and "Angstrom" not in line:
                        lines.refuse("gives the cell in unknown units. Print it in Å")
                    continue
                words = line.split()
                if len(words) != 12:
                    lines.refuse(f"has {len(words)} columns; a cell file has 12. Is it damaged?")
                cells[int(lines.real(words[0]))] = np.array(lines.reals(words[2:11], 9)).reshape(3, 3)
        except CutError:
            raise RefusedError(f"{path.name}: its last line is cut. Give the whole file, or drop that line.") from None
    return cells


def _printed(head: Head) -> Floats | None:
    """The cell from its printed lengths and angles, if the rounded components show that it lies as these make it."""
    if set(head.lattice) != {"a", "b", "c"} or set(head.angles) != {"alpha", "beta", "gamma"}:
        return None
    rounded = np.array([head.lattice[name][:3] for name in "abc"])
    parameters = [head.lattice[name][3] for name in "abc"] + [head.angles[name] for name in ("alpha", "beta", "gamma")]
    if not np.isfinite(parameters).all():
        return None
    cell = np.asarray(cellpar_to_cell(parameters))
    return cell if np.abs(cell - rounded).max() < PRINTED else None


def _input(path: Path, head: Head) -> Floats | None:
    """The cell from the input's &CELL with plain numbers in Å; None where it is said in another way."""
    if not path.is_file() or path.stat().st_size > 1 << 26:
        return None
    text = re.sub(r"[!#].*", "", path.read_text(encoding="latin-1"))
    blocks = re.findall(r"^\s*&CELL\s*$(.*?)^\s*&END\b", text, re.IGNORECASE | re.MULTILINE | re.DOTALL)
    if len(blocks) != 1:
        return None
    words = {line.split()[0].upper(): line.split()[1:] for line in blocks[0].splitlines() if line.strip()}
    try:
        if {"A", "B", "C"} <= set(words):
            cell = np.array([[real(token) for token in words[name]] for name in "ABC"])
        elif "ABC" in words:
            angles = words.get("ALPHA_BETA_GAMMA", ["90", "90", "90"])
            parameters = [real(token) for token in (*words["ABC"], *angles)]
            if len(parameters) != 6 or not np.isfinite(parameters).all():
                return None
            cell = np.asarray(cellpar_to_cell(parameters))
        else:
            return None
    except (ValueError, AssertionError):
        return None
    if cell.shape != (3, 3) or set(words) - {"A", "B", "C", "ABC", "ALPHA_BETA_GAMMA", "PERIODIC"}:
        return None
    if head.lattice and np.abs(np.linalg.norm(cell, axis=1) - [head.lattice[n][3] for n in "abc"]).max() > PRINTED:
        raise RefusedError(f"{path.name}: its cell is not that of the output. Put the run's own input beside it.")
    head.periodicity = "".join(words.get("PERIODIC", [head.periodicity])).upper()
    return cell
