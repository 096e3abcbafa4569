"""Fixtures that all rooms share: AiiDA's own, and small real frames."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from ase import Atoms

os.environ.setdefault("OMP_NUM_THREADS", "1")  # two cores are shared by daemon workers and tests

pytest_plugins = ["aiida.tools.pytest_fixtures"]

FIXTURES = Path(__file__).parent / "fixtures"


@pytest.fixture(scope="session")
def make_frames() -> Callable[..., Any]:
    """Labelled frames of H2 or of given atoms: ``make_frames(n, run=…)``; energies and forces of a harmonic bond."""
    from aiida_mlgun.science.frames import Frames, from_atoms

    def make(n: int = 6, atoms: Atoms | None = None, seed: int = 0, **tags: str) -> Frames:
        rng = np.random.default_rng(seed)
        base = atoms or Atoms("H2", [(0, 0, 0), (0.75, 0, 0)], cell=[8, 8, 8], pbc=True)
        images = []
        for _ in range(n):
            image = base.copy()
            image.positions += rng.normal(scale=0.03, size=(len(base), 3))
            images.append(image)
        frames = from_atoms(images, {name: [value] * n for name, value in tags.items()})
        stretch = np.array([image.positions - base.positions for image in images])
        energy = 0.5 * 5.0 * (stretch**2).sum(axis=(1, 2)) - 2.0 * len(base)
        from dataclasses import replace

        return replace(frames, energy=energy, forces=(-5.0 * stretch).reshape(-1, 3))

    return make


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """The long ones first, so that of several processes none is left alone with them at the end."""
    order = ("integration", "remote", "workflows", "calculations")

    def rank(item: pytest.Item) -> int:
        room = item.path.relative_to(FIXTURES.parent).parts[0]
        return order.index(room) if room in order else len(order)

    items.sort(key=rank)
