"""Extended XYZ text to frames: ASE reads each frame, this module refuses what ASE lets pass.

ASE accepts, without a word, values that are not finite, atom counts that the file cannot hold, and frames cut in the
middle; a label key that is absent is just absent.  Here each of these is a sentence with the frame's number.
"""

from __future__ import annotations

import io
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, TextIO

import numpy as np
from ase import Atoms
from ase.io import read
from ase.stress import full_3x3_to_voigt_6_stress

from ..contract.errors import RefusedError
from .frames import Frames, concatenate, from_atoms

ENERGY_KEYS = ("REF_energy", "energy", "dft_energy", "Energy")
FORCES_KEYS = ("REF_forces", "forces", "force", "dft_forces", "Forces")
STRESS_KEYS = ("REF_stress", "stress", "dft_stress")
TAG_KEYS = {
    "stratum": ("stratum", "config_type"),
    "run": ("run_id", "run", "trajectory"),
    "step": ("step",),
    "level": ("level",),
    "split": ("split",),
    "system": ("system",),
    "scf_converged": ("scf_converged",),
}
MIN_BYTES_PER_ATOM = 7  # "H 0 0 0" is the shortest atom line


@dataclass(frozen=True)
class Keys:
    """Which info and array keys hold the labels; None means that no frame has that label."""

    energy: str | None
    forces: str | None
    stress: str | None


def read_frames(handle: TextIO, size: int, source: str, keys: dict[str, str] | None = None) -> tuple[Frames, Keys]:
    """All frames of an extended XYZ text.

    :param size: bytes of the whole text, against which atom counts are checked.
    :param source: the file's name, for messages and the tag ``source``.
    :param keys: ``energy``, ``forces``, ``stress`` → the key that holds it; a missing one is detected.
    :returns: the frames (positions Å, energies eV, forces eV/Å, stress eV/Å³, velocities Å/fs as in the file) and the
        keys that were used.
    :raises RefusedError: with file, frame and what to do.
    """
    images: list[Atoms] = []
    for number, block in _blocks(handle, size, source):
        try:
            image = read(io.StringIO(block), format="extxyz")
        except (ValueError, KeyError, IndexError, OSError, TypeError, AssertionError, AttributeError) as error:
            raise RefusedError(f"{source}, frame {number}: not readable as extended XYZ ({error}).") from error
        assert isinstance(image, Atoms)
        images.append(image)
    if not images:
        raise RefusedError(f"{source}: the file holds no frame.")
    used = _detect(images, source, keys or {})
    parts = []
    for number, image in enumerate(images):
        try:
            parts.append(_frame(image, used))
        except (TypeError, ValueError) as error:
            raise RefusedError(
                f"{source}, frame {number}: a label is no number ({error}). Correct or drop it."
            ) from error
    frames = concatenate(parts)
    return frames.with_tag("source", [source] * len(frames)), used


def _blocks(handle: TextIO, size: int, source: str) -> Iterator[tuple[int, str]]:
    number, spent = 0, 0
    while True:
        first = handle.readline()
        if not first:
            return
        if not first.strip():
            rest = handle.read(4096)
            if rest.strip():
                raise RefusedError(
                    f"{source}: text follows a blank line after frame {number - 1}. Remove the blank line."
                )
            return
        spent += len(first)
        try:
            n_atoms = int(first)
        except ValueError:
            message = (
                f"{source}, frame {number}: a number of atoms is needed on its first line, not {first.strip()[:40]!r}."
            )
            raise RefusedError(message) from None
        if n_atoms < 1 or n_atoms * MIN_BYTES_PER_ATOM > size - spent:
            left = max(size - spent, 0)
            raise RefusedError(
                f"{source}, frame {number}: {n_atoms} atoms are claimed, {left} bytes are left in the file."
            )
        lines = [first, handle.readline()]
        lines += [handle.readline() for _ in range(n_atoms)]
        spent += sum(map(len, lines[1:]))
        if not lines[-1].strip():
            found = sum(bool(line.strip()) for line in lines[2:])
            raise RefusedError(
                f"{source}, frame {number}: cut off after {found} of {n_atoms} atoms. Drop or repair it."
            )
        columns = Counter(len(line.split()) for line in lines[2:])
        if len(columns) != 1:
            odd = next(i for i, line in enumerate(lines[2:]) if len(line.split()) != columns.most_common(1)[0][0])
            raise RefusedError(
                f"{source}, frame {number}, atom {odd}: its line has another number of columns than the rest."
            )
        yield number, "".join(lines)
        number += 1


def _labels(image: Atoms) -> tuple[dict[str, Any], dict[str, Any]]:
    info, arrays = dict(image.info), dict(image.arrays)
    if image.calc is not None:
        results = image.calc.results
        info |= {key: results[key] for key in ("energy", "stress") if key in results}
        if "forces" in results:
            arrays["forces"] = results["forces"]
    return info, arrays


def _detect(images: list[Atoms], source: str, asked: dict[str, str]) -> Keys:
    infos, arrays = zip(*(_labels(image) for image in images), strict=True)
    found: dict[str, str | None] = {}
    for name, known, where in (
        ("energy", ENERGY_KEYS, infos),
        ("forces", FORCES_KEYS, arrays),
        ("stress", STRESS_KEYS, infos),
    ):
        there = Counter(key for item in where for key in item)
        if name in asked:
            if asked[name] not in there:
                listed = ", ".join(sorted(k for k in there if k not in ("numbers", "positions"))) or "none"
                raise RefusedError(f"{source}: no frame has the key {asked[name]!r} for {name}. Keys there: {listed}.")
            found[name] = asked[name]
        else:
            found[name] = next((key for key in known if key in there), None)
    return Keys(**found)


def _frame(image: Atoms, keys: Keys) -> Frames:
    info, arrays = _labels(image)
    plain = Atoms(image.numbers, image.positions, cell=image.cell, pbc=image.pbc)
    tags = {}
    for name, candidates in TAG_KEYS.items():
        value = next((info[key] for key in candidates if key in info), None)
        if value is not None:
            tags[name] = [str(value)]
    frame = from_atoms([plain], tags)
    values: dict[str, Any] = {}
    if keys.energy in info:
        values["energy"] = np.array([float(info[keys.energy])])
    if keys.forces in arrays:
        values["forces"] = np.asarray(arrays[keys.forces], dtype=np.float64)
    if keys.stress in info:
        stress = np.asarray(info[keys.stress], dtype=np.float64)
        values["stress"] = (full_3x3_to_voigt_6_stress(stress.reshape(3, 3)) if stress.size == 9 else stress)[None]
    if "velocities" in arrays:
        values["velocities"] = np.asarray(arrays["velocities"], dtype=np.float64)
    return Frames(frame.offsets, frame.numbers, frame.positions, frame.cell, frame.pbc, **values, tags=frame.tags)
