"""CP2K's main output: what stands on top of it, and its evaluations of energy, forces and stress."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Final

import numpy as np
from ase import units
from numpy.typing import NDArray

from .steps import element, voigt
from .text import NumberedLines

Floats = NDArray[np.float64]
FORCE: Final[float] = float(units.Hartree / units.Bohr)  # eV/Å
PRESSURES: Final = {"[GPa]": float(units.GPa), "[bar]": float(units.bar), "[kbar]": float(1000 * units.bar)}
#: What the last of these lines says of the electronic convergence holds.
CONVERGENCE: Final = (
    ("*** SCF run converged in", True),
    ("outer SCF loop converged in", True),
    ("Leaving inner SCF loop after", False),
    ("outer SCF loop FAILED to converge", False),
    ("SCF run NOT converged", False),
)


@dataclass
class Head:
    """What the program says of the run; filled while its output is read.

    :ivar lattice: ``a``, ``b``, ``c`` → x, y, z, length, all Å and rounded by the program.
    :ivar coordinates: (n, 3), Å, of the first structure, where they are printed.
    """

    project: str = ""
    input_file: str = ""
    run_type: str = ""
    ensemble: str = ""
    periodicity: str = "XYZ"
    lattice: dict[str, tuple[float, ...]] = field(default_factory=dict)
    angles: dict[str, float] = field(default_factory=dict)
    symbols: list[str] = field(default_factory=list)
    coordinates: Floats | None = None


@dataclass
class Evaluation:
    """One energy, with what was printed beside it.

    :ivar hartree: the energy, Hartree, to be compared with other files of the run.
    :ivar forces: (n, 3), eV/Å.
    :ivar stress: (6,), eV/Å³, Voigt order, positive under tension.
    """

    line: int
    hartree: float | None = None
    converged: bool | None = None
    forces: Floats | None = None
    stress: Floats | None = None


def evaluations(lines: NumberedLines, head: Head) -> Iterator[Evaluation]:
    """The evaluations in order; ``head`` is filled on the way.

    The last one may lack its energy: then the output ends inside it.

    :raises CutError: when the output ends inside a table.
    :raises RefusedError: when a number cannot be read, or its unit is unknown.
    """
    current: Evaluation | None = None
    for line in lines:
        if "SCF WAVEFUNCTION OPTIMIZATION" in line:
            if current is not None:
                yield current
            current = Evaluation(lines.number)
        elif current is None:
            _head(line, lines, head)
        else:
            _result(line, lines, current)
    if current is not None:
        yield current


def _result(line: str, lines: NumberedLines, current: Evaluation) -> None:
    for mark, converged in CONVERGENCE:
        if mark in line:
            current.converged = converged
    if line.startswith(" ENERGY| Total FORCE_EVAL"):
        if not any(unit in line for unit in ("[a.u.]", "[hartree]")):
            lines.refuse("gives an energy in unknown units. Use CP2K's default, Hartree")
        current.hartree = lines.real(line.split()[-1])
    elif line.startswith(" ATOMIC FORCES in [a.u.]"):
        lines.due()
        lines.due()
        rows = []
        while (words := lines.due().split())[:1] != ["SUM"]:
            rows.append(lines.reals(words[3:], 3))
        current.forces = np.array(rows).reshape(len(rows), 3) * FORCE
    elif line.startswith(" STRESS| ") and " stress tensor [" in line and "Eigen" not in line:
        scale = PRESSURES.get(line.split()[-1])
        if scale is None:
            lines.refuse(f"gives a stress in an unknown unit. Known are {', '.join(PRESSURES)}")
        lines.due()
        current.stress = -scale * voigt(lines.table(3, first=2))


def _head(line: str, lines: NumberedLines, head: Head) -> None:
    words = line.split()
    if line.startswith(" GLOBAL| Project name"):
        head.project = words[-1]
    elif line.startswith(" CP2K| Input file name"):
        head.input_file = words[-1]
    elif line.startswith(" GLOBAL| Run type"):
        head.run_type = words[-1]
    elif line.startswith(" MD_PAR| Ensemble type"):
        head.ensemble = words[-1]
    elif line.startswith(" CELL| Vector"):
        head.lattice[words[2]] = tuple(lines.reals([*words[4:7], words[-1]], 4))
    elif line.startswith(" CELL| Angle"):
        head.angles[words[3].rstrip(",")] = lines.real(words[-1])
    elif line.startswith(" CELL| Periodicity"):
        head.periodicity = words[-1]
    elif "ATOMIC COORDINATES IN ANGSTROM" in line.upper():
        _coordinates(lines, head)


def _coordinates(lines: NumberedLines, head: Head) -> None:
    while (words := lines.due().split())[:1] != ["Atom"]:
        pass
    head.symbols, rows = [], []
    while not (words := lines.due().split()):
        pass
    while words:
        if len(words) < 7 or not element(words[2]):
            lines.refuse("is no line of the table of atoms. Is the file damaged?")
        head.symbols.append(element(words[2]))
        rows.append(lines.reals(words[4:7], 3))
        words = lines.due().split()
    head.coordinates = np.array(rows)
