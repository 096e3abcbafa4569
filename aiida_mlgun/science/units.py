"""The few conversions between Å, fs, eV, u and K, derived from :mod:`ase.units` (CODATA 2014)."""

from __future__ import annotations

from typing import Final

from ase import units

#: a [Å/fs²] = F [eV/Å] / m [u] × ACCELERATION.
ACCELERATION: Final[float] = float(units.fs**2)
#: E [eV] = m [u] v² [Å²/fs²] / 2 × KINETIC; the reciprocal of ACCELERATION.
KINETIC: Final[float] = float(1.0 / units.fs**2)
#: Boltzmann's constant, eV/K.
BOLTZMANN: Final[float] = float(units.kB)
