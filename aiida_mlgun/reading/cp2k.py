"""CP2K runs: energies, forces and stress of the main output, structures of the trajectory that lies beside it.

The main output of a run with moving atoms holds no coordinates but the first; CP2K writes them to
``PROJECT-pos-1.xyz`` (and the forces, where asked, to ``PROJECT-frc-1.xyz``).  The two are joined by the energy that
both give.  The frames are those of the trajectory; of a single point, the coordinates that the main output prints.
CP2K writes zero for the forces on fixed atoms: refused.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import ClassVar

import numpy as np
from ase import units
from numpy.typing import NDArray

from ..contract.errors import RefusedError
from .cp2k_cell import Cells
from .cp2k_log import FORCE, Evaluation, Head, evaluations
from .opening import open_stream
from .steps import Step, StepSource, check_not_held, element, scf_tag
from .text import CutError, NumberedLines, cut

Floats = NDArray[np.float64]
SAME_ENERGY = 1.0e-10  # Hartree; the trajectory gives ten decimals
SAME_FORCE = 1.0e-6 * FORCE  # the main output gives eight decimals
COMMENT = re.compile(r"\s*i\s*=\s*(\d+),.*?E\s*=\s*(\S+)\s*$")


@dataclass
class _Image:
    """A frame of one of CP2K's xyz files, with the run's number of the step and its energy in Hartree."""

    step: int
    hartree: float
    symbols: list[str]
    values: Floats


class Cp2kSource(StepSource):
    """CP2K's main output, plain, gzip or xz."""

    format: ClassVar[str] = "cp2k-out"

    def steps(self) -> Iterator[Step]:
        """The frames of the trajectory, or the single point."""
        with open_stream(self.path) as stream:
            lines, head = NumberedLines(stream, self.name), Head()
            results = evaluations(lines, head)
            try:
                first = next(results, None)
                if first is None:
                    raise RefusedError(f"{self.name}: it holds no self-consistent calculation. Leave it out.")
                trajectory = self._beside(head, "pos")
                if trajectory is None:
                    second = next(results, None)
                    yield self._point(head, first, lines, second)
                else:
                    yield from self._join(head, trajectory, first, results)
            except CutError:
                raise cut(self.name, 0, 0, lines.unended) from None

    def _beside(self, head: Head, kind: str) -> Path | None:
        for ending in ("", ".gz", ".xz"):
            path = self.path.parent / f"{head.project}-{kind}-1.xyz{ending}"
            if head.project and path.is_file():
                return path
        return None

    def _point(self, head: Head, only: Evaluation, lines: NumberedLines, second: Evaluation | None) -> Step:
        if second is not None or head.run_type not in ("ENERGY_FORCE", "ENERGY"):
            raise RefusedError(
                f"{self.name}: it holds energies and forces, the coordinates are in {head.project}-pos-1.xyz. "
                "Put that file beside it."
            )
        if only.hartree is None:
            raise cut(self.name, 0, 0, lines.unended)
        if head.coordinates is None:
            raise RefusedError(f"{self.name}: it does not print the coordinates. Run it with PRINT_LEVEL MEDIUM.")
        return self._step(head, Cells(self.path, head).at(0, 0), head.symbols, head.coordinates, only, None)

    def _join(self, head: Head, trajectory: Path, first: Evaluation, rest: Iterator[Evaluation]) -> Iterator[Step]:
        cells, current, previous = Cells(self.path, head), first, None
        beside = self._beside(head, "frc")
        forces = iter(()) if beside is None else _images(beside)
        for count, image in enumerate(_images(trajectory)):
            where = f"{trajectory.name}, frame {count}"
            force = next(forces, None)
            if beside is not None and (force is None or force.step != image.step):
                raise RefusedError(f"{where}: {beside.name} has no forces of step {image.step}. Give whole files.")
            if previous is not None and np.array_equal(previous.values, image.values):
                continue  # an optimisation's end is written twice
            while current.hartree is None or abs(current.hartree - image.hartree) > SAME_ENERGY:
                following = next(rest, None)
                if following is None:
                    raise RefusedError(
                        f"{where}: {self.name} has no evaluation of its energy, {image.hartree} Hartree. Give the "
                        "whole output of the same run, or cut the trajectory before that frame."
                    )
                current = following
            step = self._step(head, cells.at(image.step, count), image.symbols, image.values, current, force)
            step.tags["step"] = str(image.step)
            previous = image
            yield step

    def _step(
        self, head: Head, cell: Floats, symbols: list[str], positions: Floats, said: Evaluation, force: _Image | None
    ) -> Step:
        forces = said.forces
        if force is not None:
            same = forces is None or (
                forces.shape == force.values.shape
                and np.allclose(force.values * FORCE, forces, rtol=0, atol=SAME_FORCE, equal_nan=True)
            )
            if not same:
                raise RefusedError(
                    f"{self.name}, line {said.line}: its forces are not those of {head.project}-frc-1.xyz, step "
                    f"{force.step}. Give files of one run, with forces in CP2K's default unit."
                )
            forces = force.values * FORCE
        check_not_held(forces, f"{self.name}, line {said.line}")
        assert said.hartree is not None
        pbc = tuple(axis in head.periodicity for axis in "XYZ")
        return Step(
            symbols=symbols,
            positions=positions,
            cell=cell,
            energy=said.hartree * units.Hartree,
            forces=forces,
            stress=said.stress,
            pbc=(pbc[0], pbc[1], pbc[2]),
            tags=scf_tag(said.converged),
        )


def _images(path: Path) -> Iterator[_Image]:
    """The frames of a CP2K xyz file, whose second lines are ``i = 1, time = 0.5, E = -1.1``.

    :raises RefusedError: when one is cut, or no such line is there.
    """
    with open_stream(path) as stream:
        lines = NumberedLines(stream, path.name)
        count, last_line = 0, 0
        try:
            for line in lines:
                if not line.strip():
                    continue
                natoms = lines.count(line.strip())
                found = COMMENT.match(lines.due())
                if found is None:
                    lines.refuse("is not CP2K's 'i = …, E = …'. Give the file as CP2K wrote it")
                symbols, rows = [], []
                for _ in range(natoms):
                    words = lines.due().split()
                    symbols.append(element(words[0]) or words[0] if words else "")
                    rows.append(lines.reals(words[1:4], 3))
                yield _Image(int(found[1]), lines.real(found[2]), symbols, np.array(rows))
                count, last_line = count + 1, lines.number
        except CutError:
            raise cut(path.name, count, last_line, lines.unended) from None
