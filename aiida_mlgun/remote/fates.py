"""The fate of every raw frame: dropped by which filter, left out by thinning, or on which side."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

Ints = NDArray[np.int64]

LEFT, ISOLATED = "left", "isolated"


class Fates:
    """One small integer per raw frame, an index into a list of names."""

    def __init__(self) -> None:
        self.names = [LEFT, ISOLATED]
        self._parameters: dict[str, dict[str, Any]] = {}
        self._parts: list[NDArray[np.int16]] = []
        self._whole: NDArray[np.int16] | None = None

    def enter(self, isolated: NDArray[np.bool_]) -> NDArray[np.bool_]:
        """Add the next frames; returns which of them are open to filters."""
        self._parts.append(isolated.astype(np.int16))
        return ~isolated

    def drop(self, name: str, numbers: Ints, parameters: dict[str, Any] | None = None) -> None:
        """``name`` dropped the frames ``numbers``; a step of the report even if there were none."""
        self._parameters.setdefault(name, parameters or {})
        self.put(name, numbers)

    def put(self, name: str, numbers: Ints) -> None:
        """Give the frames ``numbers`` this fate."""
        if name not in self.names:
            self.names.append(name)
        if len(numbers):
            self._fate[numbers] = self.names.index(name)

    @property
    def left(self) -> Ints:
        """Numbers of the frames that nothing has befallen yet."""
        return np.flatnonzero(self._fate == 0)

    @property
    def isolated(self) -> Ints:
        """Numbers of the isolated atoms."""
        return np.flatnonzero(self._fate == 1)

    def steps(self, first: int) -> list[dict[str, Any]]:
        """Per filter: its parameters, how many frames it dropped, and the first of their numbers."""
        rows = []
        for name, parameters in self._parameters.items():
            numbers = np.flatnonzero(self._fate == self.names.index(name))
            row = {"filter": name, "parameters": parameters, "dropped": len(numbers)}
            rows.append(row | {"first": numbers[:first].tolist()})
        return rows

    def worst(self) -> tuple[str, int]:
        """The filter that dropped most, and how many."""
        counts = [(step["filter"], step["dropped"]) for step in self.steps(0)]
        return max(counts, key=lambda item: item[1], default=("no filter", 0))

    def arrays(self) -> dict[str, NDArray[Any]]:
        """``fate`` (n_raw,), index into ``names``."""
        return {"fate": self._fate, "names": np.array(self.names, dtype=np.str_)}

    @property
    def _fate(self) -> NDArray[np.int16]:
        if self._parts:
            head = [] if self._whole is None else [self._whole]
            self._whole = np.concatenate([*head, *self._parts])
            self._parts = []
        if self._whole is None:
            self._whole = np.empty(0, dtype=np.int16)
        return self._whole
