"""One shot under way: what is noted of it at each look, and what remains when it is over."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]

EXPLODED = "exploded"
MAX_STEPS = "max_steps"


class Watcher(Protocol):
    """Decides when a shot is over; looked at ``t = 0`` first, then every ``check_every`` steps."""

    def update(self, t_fs: float, positions: Floats, velocities: Floats) -> str | None:
        """Positions (n, 3), Å, not wrapped, and velocities (n, 3), Å/fs → a word for the end, or None to go on.

        NaN positions tell that the model gave no finite number any more; the shot ends whatever is returned.
        """


@dataclass(frozen=True)
class Launch:
    """A shot that waits: its number, positions (n, 3), Å, velocities (n, 3), Å/fs, and who watches it."""

    shot: int
    positions: Floats
    velocities: Floats
    watcher: Watcher


@dataclass(frozen=True)
class Landed:
    """A shot that is over.

    :param ended: the watcher's word, or ``exploded`` (numbers not finite any more), or ``max_steps``.
    :param end_fs: length of the shot, fs.
    :param positions: (n, 3), Å, and ``velocities`` (n, 3), Å/fs: the last finite ones that were looked at.
    :param energy_start, energy_end: total energy, eV, at t = 0 and at the last finite look.
    :param drift: meV/atom/ps, slope of the least-squares line through the total energy at all looks.
    :param energy_max_dev: meV/atom, largest distance of the total energy from its start.
    :param frame_times: (k,), fs, and ``frames`` (k, n, 3), Å, float32: the path at all looks; empty if not kept.
    """

    shot: int
    ended: str
    n_steps: int
    end_fs: float
    positions: Floats
    velocities: Floats
    energy_start: float
    energy_end: float
    drift: float
    energy_max_dev: float
    frame_times: Floats
    frames: NDArray[np.float32]


class Flight:
    """The books of one shot."""

    def __init__(self, launch: Launch, timestep_fs: float, max_steps: int, keep_frames: bool) -> None:
        self.launch, self.timestep_fs, self.max_steps = launch, timestep_fs, max_steps
        self.steps = 0
        self._keep_frames = keep_frames
        self._frames: list[NDArray[np.float32]] = []
        self._looks: list[tuple[float, float]] = []  # fs, eV
        self._positions, self._velocities = launch.positions, launch.velocities
        self._ended: str | None = None

    @property
    def left(self) -> int:
        """Steps until ``max_steps``."""
        return self.max_steps - self.steps

    def look(self, steps: int, positions: Floats, velocities: Floats, energy: float) -> bool:
        """Note the state after ``steps`` more steps; whether the shot is over.

        :param positions, velocities: (n, 3), Å and Å/fs; copied.
        :param energy: total, eV.
        """
        self.steps += steps
        time = self.steps * self.timestep_fs
        watcher = self.launch.watcher
        if not (np.isfinite(energy) and np.isfinite(positions).all() and np.isfinite(velocities).all()):
            watcher.update(time, np.full_like(positions, np.nan), np.zeros_like(velocities))
            self._ended = EXPLODED
            return True
        self._positions, self._velocities = positions.copy(), velocities.copy()
        self._looks.append((time, energy))
        if self._keep_frames:
            self._frames.append(positions.astype(np.float32))
        self._ended = watcher.update(time, self._positions, self._velocities)
        if self._ended is None and self.left <= 0:
            self._ended = MAX_STEPS
        return self._ended is not None

    def land(self) -> Landed:
        """What remains."""
        assert self._ended is not None, "the shot is still under way"
        n_atoms = len(self._positions)
        times, energies = np.array(self._looks, dtype=np.float64).reshape(-1, 2).T
        known = len(energies) > 0
        return Landed(
            self.launch.shot,
            self._ended,
            self.steps,
            self.steps * self.timestep_fs,
            self._positions,
            self._velocities,
            float(energies[0]) if known else np.nan,
            float(energies[-1]) if known else np.nan,
            slope(times, energies) * 1e6 / n_atoms,
            float(np.abs(energies - energies[0]).max()) * 1e3 / n_atoms if known else np.nan,
            times if self._keep_frames else times[:0],
            np.array(self._frames, dtype=np.float32).reshape(-1, n_atoms, 3),
        )


def slope(x: Floats, y: Floats) -> float:
    """Slope of the least-squares line through (k,) points; NaN below two distinct x."""
    if len(x) < 2:
        return float("nan")
    dx = x - x.mean()
    spread = float(dx @ dx)
    return float(dx @ (y - y.mean())) / spread if spread > 0 else float("nan")
