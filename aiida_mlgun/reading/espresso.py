"""Quantum ESPRESSO's ``pw.x`` output: one step per self-consistent calculation, with its forces and stress.

``!    total energy`` is F = E − TS, to which the forces belong: the key ``free_energy``.  Under
``scf_must_converge=.false.`` the program prints "convergence has been achieved" whatever the accuracy, so the tag
``scf_converged`` compares the printed estimate of the accuracy with the threshold that was asked for.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import ClassVar

import numpy as np
from ase import units
from numpy.typing import NDArray

from .opening import open_stream
from .steps import Step, StepSource, cartesian, element, scf_tag, voigt
from .text import CutError, NumberedLines, cut

FORCE = units.Ry / units.Bohr  # eV/Å
STRESS = units.Ry / units.Bohr**3  # eV/Å³
THRESHOLD_ROUNDING = 1.05  # conv_thr is printed with two digits
ACCURACY_ROUNDING = 0.5e-8  # Ry; the estimate is printed with eight decimals

Floats = NDArray[np.float64]


@dataclass
class _Geometry:
    """What the next calculation is of; lengths in Å."""

    alat: float = 0.0
    natoms: int = 0
    cell: Floats = field(default_factory=lambda: np.zeros((3, 3)))
    symbols: list[str] = field(default_factory=list)
    positions: Floats = field(default_factory=lambda: np.zeros((0, 3)))
    threshold: float | None = None


@dataclass
class _Calculation:
    """A self-consistent calculation that has begun, and what followed it."""

    last_line: int
    symbols: list[str]
    positions: Floats
    cell: Floats
    threshold: float | None
    energy: float | None = None
    accuracy: float | None = None
    not_achieved: bool = False
    forces: Floats | None = None
    stress: Floats | None = None


class EspressoSource(StepSource):
    """Output of ``pw.x`` (scf, relax, md, vc-relax, vc-md), plain, gzip or xz; several in one file follow another."""

    format: ClassVar[str] = "espresso-out"

    def steps(self) -> Iterator[Step]:
        """All calculations that ended in a total energy."""
        with open_stream(self.path) as stream:
            lines = NumberedLines(stream, self.name)
            geometry, open_one, complete = _Geometry(), None, 0
            try:
                for line in lines:
                    if line.strip() == "Self-consistent Calculation":
                        if open_one is not None:
                            yield self._step(open_one, complete)
                            complete += 1
                        open_one = self._begin(lines, geometry)
                    elif open_one is None or not self._result(line, lines, open_one):
                        self._geometry(line, lines, geometry)
            except CutError:
                last = lines.number if open_one is None else open_one.last_line
                raise cut(self.name, complete, last, lines.unended) from None
            if open_one is not None:
                yield self._step(open_one, complete)

    @staticmethod
    def _begin(lines: NumberedLines, geometry: _Geometry) -> _Calculation:
        if not geometry.natoms or len(geometry.symbols) != geometry.natoms:
            lines.refuse("begins a calculation before its cell and atoms are printed. Give the whole output")
        return _Calculation(lines.number - 1, geometry.symbols, geometry.positions, geometry.cell, geometry.threshold)

    @staticmethod
    def _result(line: str, lines: NumberedLines, calculation: _Calculation) -> bool:
        """Take a result of the calculation from the line and those below; False when it holds none."""
        if line.startswith("!") and "total energy" in line:
            calculation.energy = lines.real(line.split("=")[-1].split()[0]) * units.Ry
        elif "estimated scf accuracy" in line:
            calculation.accuracy = lines.real(line.split("<")[-1].split()[0])
        elif "convergence NOT achieved" in line:
            calculation.not_achieved = True
        elif "Forces acting on atoms" in line:
            if "Ry/au" not in line:
                lines.refuse("gives forces in unknown units. Use Ry/au, as pw.x does")
            rows = len(calculation.symbols)
            while (line := lines.due()).split()[:1] != ["atom"]:
                pass
            first = lines.reals(line.split("=")[-1].split(), 3)
            rest = [lines.reals(lines.due().split("=")[-1].split(), 3) for _ in range(rows - 1)]
            calculation.forces = np.array([first, *rest]) * FORCE
        elif "total   stress" in line and "Ry/bohr**3" in line:
            calculation.stress = -voigt(lines.table(3)) * STRESS
        else:
            return False
        return True

    @staticmethod
    def _geometry(line: str, lines: NumberedLines, geometry: _Geometry) -> None:
        """Take up what the line and those below say of the next calculation's cell, atoms or threshold."""
        words = line.split()
        if "number of atoms/cell" in line:
            geometry.natoms = lines.count(words[-1])
        elif line.lstrip().startswith("celldm(1)="):
            geometry.alat = lines.real(line.split("=")[1].split()[0]) * units.Bohr
        elif "scf convergence threshold" in line:
            geometry.threshold = lines.real(words[-1])
        elif "crystal axes: (cart. coord. in units of alat)" in line:
            geometry.cell = lines.table(3, first=3) * geometry.alat
        elif words[:2] == ["site", "n."] and "positions (alat units)" in line:
            rows = [lines.due() for _ in range(geometry.natoms)]
            geometry.symbols = [_symbol(row.split()[1:2], lines) for row in rows]
            found = [lines.reals(row.split("= (")[-1].replace(")", " ").split(), 3) for row in rows]
            geometry.positions = np.array(found) * geometry.alat
        elif words[:1] == ["CELL_PARAMETERS"]:
            geometry.cell = lines.table(3) * _unit(line, lines, geometry)
        elif words[:1] == ["ATOMIC_POSITIONS"]:
            rows = [lines.due() for _ in range(geometry.natoms)]
            geometry.symbols = [_symbol(row.split()[:1], lines) for row in rows]
            found = [lines.reals(row.split()[1:4], 3) for row in rows]
            if "crystal" in line:
                geometry.positions = cartesian(np.array(found), geometry.cell)
            else:
                geometry.positions = np.array(found) * _unit(line, lines, geometry)

    def _step(self, done: _Calculation, complete: int) -> Step:
        if done.energy is None:
            raise cut(self.name, complete, done.last_line)
        converged = None
        if done.not_achieved:
            converged = False
        elif done.accuracy is not None and done.threshold is not None:
            converged = done.accuracy <= done.threshold * THRESHOLD_ROUNDING + ACCURACY_ROUNDING
        return Step(
            symbols=done.symbols,
            positions=done.positions,
            cell=done.cell,
            energy=done.energy,
            forces=done.forces,
            stress=done.stress,
            tags=scf_tag(converged),
        )


def _symbol(label: list[str], lines: NumberedLines) -> str:
    if not label or not element(label[0]):
        lines.refuse(f"ends atoms of which one, {' '.join(label)[:20]!r}, is no chemical element. Rename the species")
    return element(label[0])


def _unit(line: str, lines: NumberedLines, geometry: _Geometry) -> float:
    """Å per unit of a card such as ``CELL_PARAMETERS (alat= 10.0)``."""
    words = line.replace("(", " ").replace(")", " ").replace("{", " ").replace("}", " ").replace("=", " = ").split()
    unit = words[1].lower() if len(words) > 1 else ""
    if unit == "alat":
        return lines.real(words[3]) * float(units.Bohr) if "=" in words else geometry.alat
    if unit not in ("angstrom", "bohr"):
        lines.refuse(f"gives lengths in {unit[:20]!r}, which is no known unit")
    return 1.0 if unit == "angstrom" else float(units.Bohr)
