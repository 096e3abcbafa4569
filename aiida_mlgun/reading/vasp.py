"""VASP's ``OUTCAR``: cut into ionic steps here, each step read by ASE's parsers.

Energies: ``free_energy`` (TOTEN), to which the forces belong, or ``energy`` (extrapolated to zero smearing).
"""

from __future__ import annotations

import warnings
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any, ClassVar

from ase.io import ParseError
from ase.io.vasp_parsers import vasp_outcar_parsers as ase_parsers

from ..contract.errors import RefusedError
from .opening import open_stream
from .steps import Step, StepSource, scf_tag
from .text import CutError, NumberedLines, cut

ITERATION = "--- Iteration"
ENERGIES = "FREE ENERGIE OF THE ION-ELECTRON SYSTEM"
KEPT = ("in kB ", "direct lattice vectors", "POSITION          ", ENERGIES)
MAX_HEADER = 2_000_000  # lines


@dataclass
class _Open:
    """An ionic step that has begun: where, its electronic steps so far, and the lines that hold its results."""

    last_line: int
    iterations: int = 0
    converged: bool | None = None
    lines: list[str] = field(default_factory=list)


class OutcarSource(StepSource):
    """``OUTCAR``, plain, gzip or xz."""

    format: ClassVar[str] = "vasp-out"
    energies: ClassVar[tuple[str, ...]] = ("free_energy", "energy")

    def steps(self) -> Iterator[Step]:
        """All ionic steps; ``scf_converged`` is what VASP says, or else whether NELM was reached."""
        with open_stream(self.path) as stream:
            lines = NumberedLines(stream, self.name)
            complete, step = 0, _Open(0)
            try:
                header, nelm = self._header(lines)
                parser = ase_parsers.OutcarChunkParser(
                    header=header,
                    parsers=[
                        ase_parsers.Cell(),
                        ase_parsers.PositionsAndForces(),
                        ase_parsers.Stress(),
                        ase_parsers.Energy(),
                    ],
                )
                step = _Open(lines.number - 1, iterations=1)
                for line in lines:
                    if ITERATION in line:
                        if step.iterations == 0:
                            step = _Open(lines.number - 1)
                        step.iterations += 1
                    elif "aborting loop" in line:
                        step.converged = "EDIFF is reached" in line
                    elif "ML FREE ENERGIE" in line or "(ML)" in line:
                        lines.refuse("is of a force field learnt on the fly, not of DFT. Give the ML_AB file instead")
                    elif any(mark in line for mark in KEPT):
                        if step.iterations == 0:
                            step = _Open(lines.number - 1)
                        self._keep(line, lines, step, header["natoms"])
                        if ENERGIES in line:
                            yield self._step(step, parser, nelm, complete)
                            complete += 1
                            step = _Open(lines.number)
            except CutError:
                raise cut(self.name, complete, step.last_line, lines.unended) from None
            if step.iterations:
                raise cut(self.name, complete, step.last_line)

    def _header(self, lines: NumberedLines) -> tuple[dict[str, Any], int | None]:
        kept: list[str] = []
        nelm = None
        for line in lines:
            if ITERATION in line:
                break
            if "POTCAR:" in line or "ions per type" in line:
                kept.append(line)
            words = line.replace("=", " ").replace(";", " ").split()
            if words[:1] == ["NELM"] and len(words) > 1 and words[1].isdigit():
                nelm = int(words[1])
            if lines.number > MAX_HEADER:
                lines.refuse("still belongs to no ionic step; this is no OUTCAR of a finished run")
        else:
            raise CutError
        parser = ase_parsers.OutcarHeaderParser(parsers=[ase_parsers.SpeciesTypes(), ase_parsers.IonsPerSpecies()])
        try:
            header: dict[str, Any] = parser.build(kept)
        except (ParseError, ValueError, IndexError) as error:
            raise RefusedError(
                f"{self.name}: its elements cannot be told ({error}). Give the vasprun.xml instead."
            ) from error
        return header, nelm

    @staticmethod
    def _keep(line: str, lines: NumberedLines, step: _Open, natoms: int) -> None:
        """The line and those after it that belong to it, by what it announces."""
        following = 0
        if ENERGIES in line:
            following = 4
        elif "POSITION" in line:
            following = natoms + 1
        elif "direct lattice" in line:
            following = 3
        step.lines += [line, *(lines.due() for _ in range(following))]

    def _step(self, step: _Open, parser: Any, nelm: int | None, number: int) -> Step:
        where = f"{self.name}, frame {number}"
        if step.iterations == 0:
            raise RefusedError(
                f"{where}: it has no electronic steps, so it is not of DFT. Give the ML_AB file instead."
            )
        try:
            with warnings.catch_warnings():
                warnings.simplefilter("error")
                atoms = parser.build(step.lines)
        except (ParseError, ValueError, IndexError, KeyError, UserWarning) as error:
            raise RefusedError(f"{where}: not readable ({error}). Drop the step, or give the vasprun.xml.") from error
        results = atoms.calc.results
        if not {"free_energy", "energy", "forces"} <= set(results):
            raise RefusedError(f"{where}: energy or forces are missing. Drop the step, or give the vasprun.xml.")
        converged = step.converged
        if converged is None and nelm is not None:
            converged = step.iterations < nelm
        return Step(
            symbols=atoms.get_chemical_symbols(),
            positions=atoms.positions,
            cell=atoms.cell.array,
            energy=float(results[self.energy_key]),
            forces=results["forces"],
            stress=results.get("stress"),
            tags=scf_tag(converged),
        )
