"""Names of units as plugins write them, and what one of each is in eV, Å and fs."""

from __future__ import annotations

from typing import Final

from ase import units

from ...contract.errors import RefusedError

HARTREE_EV: Final[float] = float(units.Hartree)
RYDBERG_EV: Final[float] = float(units.Rydberg)
BOHR_ANGSTROM: Final[float] = float(units.Bohr)
#: 1 GPa in eV/Å³.
GPA: Final[float] = float(units.GPa)
#: 1 kbar in eV/Å³.
KILOBAR: Final[float] = 0.1 * GPA
#: The atomic unit of time, fs.
_AUT_FS: Final[float] = float(units.AUT / units.fs)

_FACTORS: Final[dict[str, dict[str, float]]] = {
    "energy": {"ev": 1.0, "hartree": HARTREE_EV, "ha": HARTREE_EV, "a.u.": HARTREE_EV, "ry": RYDBERG_EV},
    "forces": {
        "ev/angstrom": 1.0,
        "ev/å": 1.0,
        "hartree/bohr": HARTREE_EV / BOHR_ANGSTROM,
        "a.u.": HARTREE_EV / BOHR_ANGSTROM,
        "ry/bohr": RYDBERG_EV / BOHR_ANGSTROM,
    },
    "stress": {"gpascal": GPA, "gpa": GPA, "kbar": KILOBAR},
    "velocities": {"angstrom/fs": 1.0, "å/fs": 1.0, "angstrom/ps": 1e-3, "a.u.": BOHR_ANGSTROM / _AUT_FS},
    "positions": {"angstrom": 1.0, "å": 1.0, "bohr": BOHR_ANGSTROM, "atomic": BOHR_ANGSTROM},
}


def factor(quantity: str, unit: object, where: str) -> float:
    """What one ``unit`` of ``quantity`` is in eV, eV/Å, eV/Å³, Å/fs or Å.

    :param where: the node and the name under which the unit is written, for the message.
    :raises RefusedError: when the unit is absent or unknown: it is never guessed.
    """
    known = _FACTORS[quantity]
    if unit is None:
        raise RefusedError(f"{where} does not say the unit of its {quantity}: nothing is guessed, so it is not taken.")
    name = str(unit).lower().replace(" ", "")
    if name not in known:
        raise RefusedError(f"{where}: {unit!r} is no known unit of {quantity}; known are {', '.join(known)}.")
    return known[name]
