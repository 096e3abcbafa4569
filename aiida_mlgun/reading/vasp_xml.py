"""VASP's ``vasprun.xml``, step by step, with what makes XML dangerous refused.

Energies: ``free_energy`` (``e_fr_energy``), to which the forces belong, or ``energy`` (extrapolated to zero smearing).
Two quirks of the program are undone as ASE does: under PSTRESS the step's ``e_fr_energy`` is an enthalpy, and the
step's own ``e_0_energy`` is unreliable, so the extrapolation is taken from the last electronic step.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import ClassVar, cast
from xml.etree.ElementTree import Element, ParseError, XMLPullParser
from xml.parsers import expat

import numpy as np
from ase import units
from numpy.typing import NDArray

from ..contract.errors import RefusedError
from .opening import PIECE, Reader, open_stream
from .steps import Step, StepSource, cartesian, element, scf_tag, voigt
from .text import cut, real

MAX_DEPTH = 40  # vasprun.xml nests 10 deep
MAX_PIECE = 4096  # bytes given to the parser at once
KBAR = 0.1 * units.GPa  # eV/Å³
KEPT = {"v", "varray", "i", "energy", "structure", "crystal"}  # of a calculation; the rest is dropped at once


class _Prolog:
    """Reads up to the root element: only a document type can declare entities, and none is let through."""

    def __init__(self, name: str) -> None:
        self.name, self.over = name, False
        self._parser = expat.ParserCreate()
        self._parser.StartDoctypeDeclHandler = self._doctype
        self._parser.StartElementHandler = self._root

    def feed(self, piece: bytes) -> None:
        try:
            self._parser.Parse(piece, False)
        except RefusedError:
            raise
        except (LookupError, ValueError) as error:
            raise RefusedError(
                f"{self.name}: its encoding is none that XML has ({error}). Give VASP's own file."
            ) from error

    def _doctype(self, *_: object) -> None:
        raise RefusedError(f"{self.name}: declares a document type, which VASP never does. Give VASP's own file.")

    def _root(self, tag: str, *_: object) -> None:
        if tag != "modeling":
            raise RefusedError(f"{self.name}: its root is <{tag[:40]}>, not <modeling>; this is no vasprun.xml.")
        self.over = True
        self._parser.StartElementHandler = None


class VasprunSource(StepSource):
    """``vasprun.xml``, plain, gzip or xz."""

    format: ClassVar[str] = "vasp-xml"
    energies: ClassVar[tuple[str, ...]] = ("free_energy", "energy")

    def steps(self) -> Iterator[Step]:
        """All ionic steps; ``scf_converged`` is False where as many electronic steps were made as NELM allows."""
        settings: dict[str, str] = {}
        symbols: list[str] = []
        complete, last_line = 0, 0
        try:
            with open_stream(self.path) as stream:
                for line, node in _children(stream, self.name):
                    if node.tag in ("incar", "parameters"):
                        for item in node.iter("i"):
                            if item.get("name") in ("NELM", "PSTRESS"):
                                settings.setdefault(str(item.get("name")), item.text or "")
                    elif node.tag == "atominfo":
                        symbols = [_symbol(row) for row in node.iterfind("array[@name='atoms']/set/rc")]
                    elif node.tag == "calculation":
                        yield self._step(node, symbols, settings, f"{self.name}, frame {complete}")
                        complete, last_line = complete + 1, line
        except (ParseError, expat.ExpatError) as error:
            if complete == 0:
                raise RefusedError(f"{self.name}: not whole, or no XML ({error}). Give the whole file.") from error
            refusal = cut(self.name, complete, last_line)
            raise RefusedError(f"{refusal} Then add a line </modeling>.") from error

    def _step(self, node: Element, symbols: list[str], settings: dict[str, str], where: str) -> Step:
        scf = node.findall("scstep")
        if not scf:
            raise RefusedError(
                f"{where}: it has no electronic steps, so it is not of DFT. Give the ML_AB file instead."
            )
        try:
            cell = _array(node, "structure/crystal/varray[@name='basis']")
            fractions = _array(node, "structure/varray[@name='positions']")
            free = _value(node, "energy", "e_fr_energy")
            if cell is None or cell.shape != (3, 3) or fractions is None:
                raise ValueError("cell or positions are missing")
            if not np.isfinite(cell).all():
                raise ValueError("the cell is not finite")
            free -= real(settings.get("PSTRESS", "0")) * KBAR * abs(float(np.linalg.det(cell)))
            if self.energy_key == "energy":
                free += _value(scf[-1], "energy", "e_0_energy") - _value(scf[-1], "energy", "e_fr_energy")
            forces = _array(node, "varray[@name='forces']")
            stress = _array(node, "varray[@name='stress']")
            nelm = int(settings["NELM"]) if "NELM" in settings else None
        except ValueError as error:
            raise RefusedError(f"{where}: not readable ({error}). Drop the step.") from error
        if len(fractions) != len(symbols):
            raise RefusedError(f"{where}: {len(fractions)} positions for {len(symbols)} atoms. Is the file damaged?")
        return Step(
            symbols=symbols,
            positions=cartesian(fractions, cell),
            cell=cell,
            energy=free,
            forces=forces,
            stress=None if stress is None or stress.shape != (3, 3) else -KBAR * voigt(stress),
            tags=scf_tag(None if nelm is None else len(scf) < nelm),
        )


def _children(stream: Reader, name: str) -> Iterator[tuple[int, Element]]:
    """The children of the root as they end, each with the number of its last line; what no step needs is dropped.

    :raises RefusedError: for a document type, another root, or elements nested too deep.
    """
    prolog, line = _Prolog(name), 1
    parser: XMLPullParser[Element] = XMLPullParser(("start", "end"))
    path: list[Element] = []
    while block := stream.read(PIECE):
        for piece in _pieces(block):
            if not prolog.over:
                prolog.feed(piece)
            parser.feed(piece)
            for event, node in cast(Iterator[tuple[str, Element]], parser.read_events()):
                if event == "start":
                    path.append(node)
                    if len(path) > MAX_DEPTH:
                        raise RefusedError(
                            f"{name}, line {line}: elements nest deeper than {MAX_DEPTH}; no vasprun.xml."
                        )
                    continue
                path.pop()
                if len(path) == 1:
                    yield line, node
                    path[0].clear()
                elif len(path) > 1 and path[1].tag == "calculation":
                    _drop(node, path)
            line += piece.endswith(b"\n")
    parser.close()
    if not prolog.over or path:
        raise ParseError("no element found")


def _pieces(block: bytes) -> Iterator[bytes]:
    """The lines of a block, long ones in several pieces, so that what is wrong in them is met early."""
    for line in block.splitlines(keepends=True):
        for start in range(0, len(line), MAX_PIECE):
            yield line[start : start + MAX_PIECE]


def _drop(node: Element, path: list[Element]) -> None:
    """Forget what a calculation's element holds, unless a step needs it; of electronic steps the energies stay."""
    if node.tag == "scstep":
        for child in [c for c in node if c.tag != "energy"]:
            node.remove(child)
    elif node.tag not in KEPT or path[-1].tag not in KEPT | {"calculation", "scstep"}:
        node.clear()


def _symbol(row: Element) -> str:
    label = (row.findtext("c") or "").strip()
    return element(label) or label


def _value(node: Element, group: str, name: str) -> float:
    text = node.findtext(f"{group}/i[@name='{name}']")
    if text is None:
        raise ValueError(f"{name} is missing")
    return real(text.strip())


def _array(node: Element, path: str) -> NDArray[np.float64] | None:
    found = node.find(path)
    if found is None:
        return None
    rows = [[real(token) for token in (v.text or "").split()] for v in found]
    if any(len(row) != 3 for row in rows):
        raise ValueError("a row does not have 3 numbers")
    return np.array(rows, dtype=np.float64).reshape(len(rows), 3)
