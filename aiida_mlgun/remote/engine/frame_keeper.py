"""Which frames of a flying shot are kept, decided before it is known how the shot ends."""

from __future__ import annotations

from collections import deque
from collections.abc import Sequence
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from ...contract.shooting import Output
from ...science.trajectory_codec import quantise

Floats = NDArray[np.float64]
Ints = NDArray[np.int32]

_SLACK: Final = 1e-6  # fs; sums of time steps end in odd digits


class FrameKeeper:
    """Thins the frames of one shot as they come: one per ``frame_every_fs``, the first and last, and all around events.

    Frames are whole multiples of 0.001 Å.  An event is seen at the look that notices it; the looks up to
    ``event_window_fs`` before it wait in a ring until then, the looks up to as long after it are kept as they come.

    Memory: 12 bytes per atom and frame.  The ring holds at most ``event_window_fs`` / (time between looks) + 1 frames;
    besides, a shot of length t holds at most t / ``frame_every_fs`` + 2 frames and, per event,
    2 × ``event_window_fs`` / (time between looks) + 1, and never more than one per look.
    """

    def __init__(self, output: Output) -> None:
        self._every, self._window = output.frame_every_fs, output.event_window_fs
        self._seen = 0
        self._until = self._next = float("-inf")  # fs: end of the latest event's window; when the next frame is due
        self._kept: list[tuple[float, Ints]] = []
        self._ring: deque[tuple[float, Ints]] = deque()

    def look(self, t_fs: float, positions: Floats, n_events: int) -> None:
        """Take in the state at a look.

        :param positions: (n, 3), Å, finite.
        :param n_events: how many events the shot has had by now, those seen at this look included.
        """
        frame = (t_fs, quantise(positions))
        if n_events > self._seen:
            self._seen, self._until = n_events, t_fs + self._window
            since = t_fs - self._window - _SLACK
            self._kept += [earlier for earlier in self._ring if earlier[0] >= since]
            self._ring.clear()
        if t_fs >= self._next - _SLACK:
            self._next = (np.floor(t_fs / self._every + _SLACK) + 1) * self._every
            self._kept.append(frame)
        elif t_fs <= self._until + _SLACK:
            self._kept.append(frame)
        else:
            self._ring.append(frame)
        while len(self._ring) > 1 and self._ring[0][0] < t_fs - self._window - _SLACK:
            self._ring.popleft()

    def frames(self) -> tuple[Floats, Ints]:
        """(k,), fs, ascending, and (k, n, 3), 0.001 Å: the frames kept so far, the newest one always among them."""
        waits = bool(self._ring) and (not self._kept or self._ring[-1][0] > self._kept[-1][0])
        last = [self._ring[-1]] if waits else []
        chosen = sorted(self._kept + last, key=lambda frame: frame[0])
        return np.array([t for t, _ in chosen], dtype=np.float64), _stack(chosen)

    def state(self) -> dict[str, NDArray[Any]]:
        """What :meth:`restore` needs to go on as if nothing had happened."""
        both = [*self._kept, *self._ring]
        clock = [self._until, self._next, float(self._seen), float(len(self._kept))]
        times = np.array([t for t, _ in both], dtype=np.float64)
        return {"clock": np.array(clock), "times": times, "frames": _stack(both)}

    def restore(self, state: dict[str, NDArray[Any]]) -> None:
        """Take over a :meth:`state` of a keeper with the same output policy."""
        self._until, self._next = float(state["clock"][0]), float(state["clock"][1])
        self._seen, n_kept = int(state["clock"][2]), int(state["clock"][3])
        both = list(zip(state["times"].tolist(), state["frames"].astype(np.int32), strict=True))
        self._kept, self._ring = both[:n_kept], deque(both[n_kept:])


def _stack(frames: Sequence[tuple[float, Ints]]) -> Ints:
    return np.stack([frame for _, frame in frames]) if frames else np.empty((0, 0, 3), dtype=np.int32)
