"""VASP's ``ML_AB`` (``ML_ABN``): the structures and labels that its on-the-fly force field was fitted to.

Layout after VASP's wiki (page ML_AB): titles and values, set apart by lines of ``*``, ``=`` or ``-``; a configuration
begins with ``Configuration num.``.  Energies eV, forces eV/Å, stress kbar in the sign of OUTCAR's "in kB" (positive
under compression), which is turned here.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any, ClassVar

import numpy as np
from ase import units

from .opening import open_stream
from .steps import Step, StepSource, element
from .text import CutError, NumberedLines, cut

KBAR = 0.1 * units.GPa  # eV/Å³
COUNT_TITLE = "The number of configurations"
CONFIGURATION = "Configuration num."
NEEDED = (
    "The number of atoms",
    "Atom types and atom numbers",
    "Primitive lattice vectors (ang.)",
    "Atomic positions (ang.)",
    "Total energy (eV)",
    "Forces (eV ang.^-1)",
)
LAST = "Stress (kbar)"


class MlAbSource(StepSource):
    """``ML_AB`` or ``ML_ABN``, plain, gzip or xz.  The tag ``system`` is VASP's system name."""

    format: ClassVar[str] = "vasp-ml-ab"
    energies: ClassVar[tuple[str, ...]] = ("energy",)

    def steps(self) -> Iterator[Step]:
        """All configurations."""
        with open_stream(self.path) as stream:
            lines = NumberedLines(stream, self.name)
            complete, last_line, claimed = 0, 0, None
            try:
                for line in lines:
                    if line.strip() == COUNT_TITLE:
                        claimed = lines.count(_value(lines))
                    elif line.strip().startswith(CONFIGURATION):
                        yield self._configuration(lines)
                        complete, last_line = complete + 1, lines.number
            except CutError:
                raise cut(self.name, complete, last_line, lines.unended) from None
            if claimed is not None and claimed != complete:
                lines.refuse(
                    f"is the last: {claimed} configurations are claimed on top, {complete} are there. Give the whole "
                    "file, or correct that number"
                )

    def _configuration(self, lines: NumberedLines) -> Step:
        found: dict[str, Any] = {}
        begun = lines.number
        readers = _readers(found)
        while LAST not in found:
            title = _title(lines)
            if title.startswith(CONFIGURATION):
                lines.refuse(f"begins a configuration before the one of line {begun} has its {LAST!r}. Drop that one")
            if title in readers:
                missing = [name for name in NEEDED[:4] if name not in found]
                if title in NEEDED[4:] and missing:
                    lines.refuse(f"comes before {missing[0]!r}, which it needs. Is the file damaged?")
                _rule(lines)
                found[title] = readers[title](lines)
        missing = [name for name in NEEDED if name not in found]
        if missing:
            lines.refuse(f"ends a configuration without {missing[0]!r}. Drop the one that begins on line {begun}")
        symbols = found["Atom types and atom numbers"]
        if len(symbols) != found["The number of atoms"]:
            lines.refuse(f"ends a configuration whose numbers of atoms differ ({len(symbols)}). Drop it")
        return Step(
            symbols=symbols,
            positions=found["Atomic positions (ang.)"],
            cell=found["Primitive lattice vectors (ang.)"],
            energy=found["Total energy (eV)"],
            forces=found["Forces (eV ang.^-1)"],
            stress=found[LAST],
            tags={"system": found["System name"]} if found.get("System name") else {},
        )


def _readers(found: dict[str, Any]) -> dict[str, Callable[[NumberedLines], Any]]:
    """Title → what reads the value below it; ``found`` holds the values read before."""

    def atoms(lines: NumberedLines) -> int:
        if "The number of atoms" not in found:
            lines.refuse("comes before 'The number of atoms', which it needs. Is the file damaged?")
        return int(found["The number of atoms"])

    def symbols(lines: NumberedLines) -> list[str]:
        listed: list[str] = []
        while len(listed) < atoms(lines):
            label, number = (*lines.due().split(), "", "")[:2]
            symbol = element(label) or label
            if lines.count(number) > atoms(lines) - len(listed):
                lines.refuse(f"has more atoms than the {atoms(lines)} of its configuration. Is the file damaged?")
            listed += [symbol] * int(number)
        return listed

    def stress(lines: NumberedLines) -> np.ndarray[Any, np.dtype[np.float64]] | None:
        parts = []
        for title in ("XX YY ZZ", "XY YZ ZX"):
            if title == "XY YZ ZX":
                _rule(lines)
            if " ".join(lines.due().split()) != title:
                lines.refuse(f"is not {title!r}, which belongs there. Is the file damaged?")
            _rule(lines)
            parts.append(lines.reals(lines.due().split(), 3))
        (xx, yy, zz), (xy, yz, zx) = parts
        return -KBAR * np.array([xx, yy, zz, yz, zx, xy])

    return {
        "System name": lambda lines: lines.due().strip(),
        "The number of atoms": lambda lines: lines.count(lines.due().strip()),
        "Atom types and atom numbers": symbols,
        "Primitive lattice vectors (ang.)": lambda lines: lines.table(3),
        "Atomic positions (ang.)": lambda lines: lines.table(atoms(lines)),
        "Total energy (eV)": lambda lines: lines.real(lines.due().strip()),
        "Forces (eV ang.^-1)": lambda lines: lines.table(atoms(lines)),
        LAST: stress,
    }


def _is_rule(line: str) -> bool:
    text = line.strip()
    return len(text) >= 10 and text in (c * len(text) for c in "*=-")


def _rule(lines: NumberedLines) -> None:
    if not _is_rule(lines.due()):
        lines.refuse("is not the rule of dashes that belongs there. Is the file damaged?")


def _title(lines: NumberedLines) -> str:
    while _is_rule(line := lines.due()) or not line.strip():
        pass
    return line.strip()


def _value(lines: NumberedLines) -> str:
    _rule(lines)
    return lines.due().strip()
