"""Labels and tags: the keys that are known, which one a file uses, and the strict way from text to number."""

from __future__ import annotations

import json
import re
from collections.abc import Collection, Mapping, Sequence
from functools import lru_cache

import numpy as np
from ase.io.extxyz import key_val_str_to_dict

from ..contract.errors import RefusedError

ENERGY_KEYS = ("REF_energy", "energy", "dft_energy", "Energy")  # eV
FORCES_KEYS = ("REF_forces", "forces", "force", "dft_forces", "Forces")  # eV/Å
STRESS_KEYS = ("REF_stress", "stress", "dft_stress")  # eV/Å³
KNOWN = {"energy": ENERGY_KEYS, "forces": FORCES_KEYS, "stress": STRESS_KEYS}
TAG_KEYS = {
    "stratum": ("stratum", "config_type"),
    "run": ("run_id", "run", "trajectory"),
    "step": ("step",),
    "level": ("level",),
    "split": ("split",),
    "system": ("system",),
    "scf_converged": ("scf_converged",),
}
GEOMETRY = frozenset(("Lattice", "Properties", "pbc", "numbers", "positions", "symbols", "move_mask"))  # no labels
ASYMMETRY = 1e-6  # of the largest component; more between xy and yx is no stress
JSON = "_JSON "  # how ASE begins a value that it writes as JSON
VOIGT = (0, 4, 8, 5, 2, 1)  # of a 3×3 matrix, row by row

NUMBER = re.compile(r"[+-]?(?:(?:[0-9]+\.?[0-9]*|\.[0-9]+)(?:[eE][+-]?[0-9]+)?|nan|inf(?:inity)?)", re.I | re.A)
_COMMAS = re.compile(r"[\s,]+")


class FaultError(Exception):
    """What is wrong inside one frame; the reader adds file and frame number.  ``atom`` is counted from 0."""

    def __init__(self, sentence: str, atom: int | None = None) -> None:
        super().__init__(sentence)
        self.sentence, self.atom = sentence, atom

    def refusal(self, name: str, number: int) -> RefusedError:
        """The refusal of frame ``number`` of the file ``name``."""
        atom = "" if self.atom is None else f", atom {self.atom}"
        return RefusedError(f"{name}, frame {number}{atom}: {self.sentence}")


class KeyChoice:
    """Which key holds one label in a file: asked for, or fixed by the first frame that has a known one.

    :param label: ``energy``, ``forces`` or ``stress``.
    """

    def __init__(self, label: str, asked: str | None = None) -> None:
        if asked in GEOMETRY:
            raise RefusedError(f"{asked!r} cannot hold the {label}; name the key that does.")
        self.label, self.asked = label, asked
        self.key: str | None = asked
        self._known = KNOWN[label]
        self._better: tuple[str, ...] = ()
        self._found, self._there = False, set[str]()

    @property
    def used(self) -> str | None:
        """The key, if a frame had it."""
        return self.key if self._found else None

    def of(self, there: Collection[str]) -> str | None:
        """The key to read in a frame that has the keys ``there``; None if it has no such label.

        :raises FaultError: when the frame speaks of another, or of a better known key than the frames before.
        """
        key = self.key
        if key is not None and key in there:
            self._found = True
            for other in self._better:
                if other in there:
                    raise self._mixed(other)
            return key
        if self.asked is not None:
            if not self._found:
                self._there.update(there)
            return None
        first = next((known for known in self._known if known in there), None)
        if first is None:
            return None
        if key is not None:
            raise self._mixed(first)
        self.key, self._found = first, True
        self._better = self._known[: self._known.index(first)]
        return first

    def _mixed(self, other: str) -> FaultError:
        return FaultError(
            f"{self.label} stands under {other!r} here, but under {self.key!r} in the frames before; "
            f"say which one counts with --{self.label}-key."
        )

    def check_found(self, name: str) -> None:
        """Refuse a key that was asked for and that no frame of the file ``name`` has."""
        if self.asked is not None and not self._found:
            listed = ", ".join(sorted(self._there - GEOMETRY)) or "none"
            raise RefusedError(f"{name}: no frame has the key {self.asked!r} for {self.label}. Keys there: {listed}.")


def number(text: str, key: str) -> float:
    """One number; NaN and infinity are numbers, underscores and other alphabets' digits are not."""
    if NUMBER.fullmatch(text):
        return float(text)
    raise FaultError(f"the label {key!r} is no number ({text[:40]!r}). Correct or drop it.")


def numbers(text: str) -> tuple[float, ...] | None:
    """The numbers of a text with blanks or commas between them; None if something else stands there."""
    words = text.split() if "," not in text else [w for w in _COMMAS.split(text) if w]
    return tuple(map(float, words)) if words and all(map(NUMBER.fullmatch, words)) else None


def stress(text: str, key: str) -> tuple[float, ...]:
    """Six components (Voigt order xx yy zz yz xz xy, eV/Å³) from a text of six or nine numbers."""
    found: Sequence[float] | None
    if text.startswith(JSON):
        try:
            found = np.asarray(json.loads(text.removeprefix(JSON)), dtype=np.float64).ravel().tolist()
        except (ValueError, TypeError):
            found = None
    else:
        found = numbers(text)
    if found is None or len(found) not in (6, 9) or (key == "stress" and len(found) != 9):
        needed = "9" if key == "stress" else "6 or 9"
        raise FaultError(f"the label {key!r} is no stress ({text[:40]!r}); {needed} numbers are needed.")
    return tuple(found) if len(found) == 6 else voigt(found, key)


def voigt(matrix: Sequence[float], key: str) -> tuple[float, ...]:
    """Nine components of a symmetric matrix, row by row, to six.

    :raises FaultError: when it is not symmetric.
    """
    size = max(map(abs, matrix))
    if any(abs(matrix[i] - matrix[j]) > ASYMMETRY * size for i, j in ((1, 3), (2, 6), (5, 7))):
        raise FaultError(f"the label {key!r} is no stress: its matrix is not symmetric. Correct or drop it.")
    return tuple(matrix[i] for i in VOIGT)


def tags(info: Mapping[str, str]) -> dict[str, str]:
    """The known tags among a frame's keys; numbers and logicals as Python writes them."""
    found = {}
    for name, candidates in TAG_KEYS.items():
        for key in candidates:
            if key in info:
                found[name] = as_text(info[key])
                break
    return found


@lru_cache(maxsize=4096)
def as_text(raw: str) -> str:
    """A value as ASE would hold it, written by ``str``: ``007`` is 7, ``T`` is True."""
    return str(int(raw)) if raw.isascii() and raw.isdigit() and len(raw) < 18 else str(value(raw))


def value(raw: str) -> object:
    """A value as ASE's reader of extended XYZ holds it: number, array, logical, JSON or text."""
    quoted = raw.replace("\\", "\\\\").replace('"', '\\"')
    return key_val_str_to_dict(f'key="{quoted}"')["key"]
