"""``ShotsData``: one batch of shots as a table, with outcomes one can query for."""

from __future__ import annotations

import hashlib
import io
from collections import Counter
from collections.abc import Iterator
from typing import Any

import numpy as np
import pandas as pd
from aiida.common.exceptions import ValidationError
from aiida.orm.pydantic import OrmMetadataField

from ..contract import files
from ..contract.errors import RefusedError
from ..science import shot_arrays
from ..science.npz import pack, unpack
from .content import ContentData
from .shot_columns import to_text

COLUMNS = (
    "shot",
    "seed",
    "slab_state",
    "molecule_state",
    "outcome",
    "group",
    "site",
    "ended",
    "reason",
    "contact_fs",
    "bond_fs",
    "end_fs",
    "n_steps",
    "kinetic_energy_in",
    "energy_start",
    "energy_end",
    "drift",
    "temperature_max",
    "min_height",
    "force_spread_max",
)


class ShotsData(ContentData):
    """Arrays with first axis n_shots (units: Å, fs, eV, K; drift in meV/atom/ps), sorted by shot number.

    Attributes: ``n_shots``, ``counts`` (outcome → number), the lists ``shots`` (numbers), ``seeds`` and ``outcomes``,
    and ``per_shot``, a text with the columns of :mod:`~aiida_mlgun.data.shot_columns`.
    """

    class AttributesModel(ContentData.AttributesModel):
        """Queryable columns."""

        n_shots: int = OrmMetadataField(description="Number of finished shots", read_only=True)
        outcomes: list[str] = OrmMetadataField(description="Outcome of each shot", read_only=True)
        content_hash: str = OrmMetadataField(description="sha256 of the content", read_only=True)

    def __init__(self, arrays: dict[str, Any] | None = None, trajectories: bytes | None = None, **kwargs: Any) -> None:
        """Hold the arrays of ``shots.npz`` and, for shots whose path was kept, the bytes of ``trajectories.npz``.

        What the arrays are, :mod:`aiida_mlgun.science.shot_arrays` says.
        """
        super().__init__(**kwargs)
        if arrays is None:
            return
        missing = [name for name in COLUMNS if name not in arrays]
        if missing:
            raise RefusedError(f"the shots lack the column {missing[0]!r}.")
        content = pack(arrays)
        self.base.repository.put_object_from_filelike(io.BytesIO(content), files.SHOTS)
        digest = hashlib.sha256(content)
        if trajectories is not None:
            self.base.repository.put_object_from_filelike(io.BytesIO(trajectories), files.TRAJECTORIES)
            digest.update(trajectories)
        outcomes = [str(o) for o in arrays["outcome"]]
        drift = np.abs(np.asarray(arrays["drift"], dtype=float))
        drift = drift[np.isfinite(drift)]  # a shot that was over at the first look has none
        self.base.attributes.set_many(
            {
                "n_shots": len(outcomes),
                "n_atoms": len(arrays["numbers"]),
                "outcomes": outcomes,
                "counts": dict(sorted(Counter(outcomes).items())),
                "shots": [int(i) for i in arrays["shot"]],
                "seeds": [int(i) for i in arrays["seed"]],
                "per_shot": to_text(arrays),
                "median_abs_drift": float(np.median(drift)) if len(drift) else None,
                "has_trajectories": trajectories is not None,
                "content_hash": digest.hexdigest(),
            }
        )

    def _validate(self) -> bool:
        super()._validate()
        if files.SHOTS not in self.base.repository.list_object_names():
            raise ValidationError(f"ShotsData has no {files.SHOTS}: build it with ShotsData(arrays).")
        return True

    def __len__(self) -> int:
        return int(self.base.attributes.get("n_shots"))

    @property
    def counts(self) -> dict[str, int]:
        """Outcome → number of shots."""
        return dict(self.base.attributes.get("counts"))

    def arrays(self) -> dict[str, Any]:
        """All arrays of the batch."""
        return unpack(self.read_bytes(files.SHOTS))

    def trajectories(self) -> dict[str, Any]:
        """The arrays of ``trajectories.npz``, positions encoded; empty if none was asked for."""
        return unpack(self.read_bytes(files.TRAJECTORIES)) if self.base.attributes.get("has_trajectories") else {}

    def final_frame(self, shot: int) -> tuple[Any, Any] | None:
        """Last positions (n_atoms, 3), Å, and velocities, Å/fs, of shot number ``shot``; None if they were not kept.

        :raises RefusedError: when the batch does not hold that shot.
        """
        arrays = self.arrays()
        return shot_arrays.final_frame(arrays, shot_arrays.row_of(arrays, shot))

    def trajectory(self, shot: int) -> tuple[Any, Any] | None:
        """Times (k,), fs, and positions (k, n_atoms, 3), Å, to 0.001 Å, of shot number ``shot``; None if not kept.

        :raises RefusedError: when the batch does not hold that shot.
        """
        shot_arrays.row_of({"shot": np.array(self.base.attributes.get("shots"))}, shot)
        return shot_arrays.trajectory(self.trajectories(), shot)

    def paths(self) -> Iterator[shot_arrays.Path]:
        """The paths of the reactive groups, shot after shot in the order of the table, decoded one by one."""
        return shot_arrays.paths(self.arrays())

    def to_pandas(self) -> pd.DataFrame:
        """One row per shot, the scalar columns."""
        arrays = self.arrays()
        return pd.DataFrame({name: arrays[name] for name in COLUMNS})
