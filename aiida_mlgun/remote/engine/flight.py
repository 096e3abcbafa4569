"""One shot under way: what is noted of it at each look, and what remains when it is over."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]
Saved = dict[str, NDArray[Any]]  # named arrays, none of them of Python objects

EXPLODED = "exploded"
MAX_STEPS = "max_steps"


class Watcher(Protocol):
    """Decides when a shot is over; looked at ``t = 0`` first, then every ``check_every`` steps."""

    def update(self, t_fs: float, positions: Floats, velocities: Floats) -> str | None:
        """Positions (n, 3), Å, not wrapped, and velocities (n, 3), Å/fs → a word for the end, or None to go on.

        NaN positions tell that the model gave no finite number any more; the shot ends whatever is returned.
        """

    def state(self) -> Saved:
        """What :meth:`restore` needs."""

    def restore(self, saved: Saved) -> None:
        """Make this watcher, new and of the same shot, the one whose :meth:`state` this is."""


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
    :param force_spread_max: eV/Å, largest spread of a committee's forces at a look; NaN without a committee.
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
    force_spread_max: float


class Flight:
    """The books of one shot."""

    def __init__(self, launch: Launch, timestep_fs: float, max_steps: int) -> None:
        self.launch, self.timestep_fs, self.max_steps = launch, timestep_fs, max_steps
        self.steps = 0
        self._looks: list[tuple[float, float]] = []  # fs, eV
        self._positions, self._velocities = launch.positions, launch.velocities
        self._force_spread_max = float("nan")
        self._ended: str | None = None

    @property
    def left(self) -> int:
        """Steps until ``max_steps``."""
        return self.max_steps - self.steps

    def look(
        self, steps: int, positions: Floats, velocities: Floats, energy: float, force_spread: float = float("nan")
    ) -> bool:
        """Note the state after ``steps`` more steps; whether the shot is over.

        :param positions, velocities: (n, 3), Å and Å/fs; copied.
        :param energy: total, eV.
        :param force_spread: of a committee, eV/Å; NaN without one.
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
        self._force_spread_max = float(np.fmax(self._force_spread_max, force_spread))
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
            self._force_spread_max,
        )

    def state(self) -> Saved:
        """What :meth:`restore` needs, beside the positions and velocities of the last look."""
        own = {
            "steps": np.array(self.steps),
            "looks": np.array(self._looks, dtype=np.float64).reshape(-1, 2),
            "force_spread_max": np.array(self._force_spread_max),
        }
        return own | {f"watcher.{name}": array for name, array in self.launch.watcher.state().items()}

    def restore(self, saved: Saved, positions: Floats, velocities: Floats) -> None:
        """Make this flight, new and of the same launch, the one whose :meth:`state` this is.

        :param positions, velocities: (n, 3), Å and Å/fs, of its last look; copied.
        """
        self.steps = int(saved["steps"])
        self._looks = [(float(time), float(energy)) for time, energy in saved["looks"]]
        self._force_spread_max = float(saved["force_spread_max"])
        self._positions, self._velocities = positions.copy(), velocities.copy()
        prefix = "watcher."
        watcher = {name.removeprefix(prefix): array for name, array in saved.items() if name.startswith(prefix)}
        self.launch.watcher.restore(watcher)


def slope(x: Floats, y: Floats) -> float:
    """Slope of the least-squares line through (k,) points; NaN below two distinct x."""
    if len(x) < 2:
        return float("nan")
    dx = x - x.mean()
    spread = float(dx @ dx)
    return float(dx @ (y - y.mean())) / spread if spread > 0 else float("nan")
