"""``FramesData``: labelled frames as one columnar file, with what one queries for as attributes."""

from __future__ import annotations

import io
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import ase.io
import numpy as np
from aiida import orm
from aiida.common.exceptions import ValidationError
from aiida.orm.pydantic import OrmMetadataField

from ..contract import files
from ..contract.errors import RefusedError
from ..science.frames import Frames, canonical_hash, concatenate, from_arrays, isolated_energies, to_arrays
from ..science.npz import pack, unpack
from .content import ContentData
from .importing import import_file

_SOURCE = "tag_source"


class FramesData(ContentData):
    """Frames with optional labels; immutable once stored.

    Units and shapes: :class:`aiida_mlgun.science.frames.Frames`.
    """

    class AttributesModel(ContentData.AttributesModel):
        """Queryable columns."""

        n_frames: int = OrmMetadataField(description="Number of frames, isolated atoms included", read_only=True)
        n_isolated: int = OrmMetadataField(description="Number of isolated atoms", read_only=True)
        elements: list[str] = OrmMetadataField(description="Chemical symbols that occur", read_only=True)
        content_hash: str = OrmMetadataField(description="sha256 of the content", read_only=True)

    def __init__(self, frames: Frames | None = None, source: dict[str, Any] | None = None, **kwargs: Any) -> None:
        """Hold ``frames``.

        :param source: where they came from: ``files`` (names and sha256), ``keys`` (label keys used), ``license``.
        """
        super().__init__(**kwargs)
        if frames is None:
            return
        arrays = to_arrays(frames)
        # names of files are apart from the content, so that equal content under other names is one object in the store
        names = {name: arrays.pop(name) for name in (_SOURCE,) if name in arrays}
        self._put(files.FRAMES, pack(arrays, compress=False))
        if names:
            self._put(files.SOURCES, pack(names))
        self.base.attributes.set_many(summary(frames) | {"source": source or {}})

    def _put(self, name: str, content: bytes) -> None:
        self.base.repository.put_object_from_filelike(io.BytesIO(content), name)

    def _validate(self) -> bool:
        super()._validate()
        if files.FRAMES not in self.base.repository.list_object_names():
            raise ValidationError(f"FramesData has no {files.FRAMES}: build it with FramesData(frames).")
        return True

    def frames(self) -> Frames:
        """The frames as arrays."""
        arrays = unpack(self.read_bytes(files.FRAMES))
        if files.SOURCES in self.base.repository.list_object_names():
            arrays |= unpack(self.read_bytes(files.SOURCES))
        return from_arrays(arrays)

    def __len__(self) -> int:
        return int(self.base.attributes.get("n_frames"))

    @property
    def elements(self) -> list[str]:
        """Chemical symbols that occur, by atomic number."""
        return list(self.base.attributes.get("elements"))

    @property
    def e0s(self) -> dict[str, float]:
        """Energies (eV) of the isolated atoms among the frames."""
        return dict(self.base.attributes.get("e0s"))

    def check_labelled(self, what: str) -> None:
        """Refuse frames without energies or forces, or with none besides isolated atoms; ``what`` names them."""
        missing = [name for name in ("energy", "forces") if name not in self.base.attributes.get("has")]
        if missing:
            raise RefusedError(f"{what} has no {' and no '.join(missing)}; label it, or name the key when importing.")
        if len(self) == self.base.attributes.get("n_isolated"):
            raise RefusedError(f"{what} holds no frame besides isolated atoms.")

    def check_complete(self, what: str) -> None:
        """Refuse frames to learn from that are not labelled, or of which some are not; ``what`` names them."""
        self.check_labelled(what)
        lacking = self.base.attributes.get("n_unlabelled", 0)
        if lacking:
            raise RefusedError(
                f"{what} holds {lacking} frames whose energy or forces are missing or not finite; curate it first."
            )

    @classmethod
    def from_files(
        cls,
        *paths: Path,
        keys: Mapping[str, str] | None = None,
        level: str | None = None,
        needs_labels: bool = True,
        licence: str | None = None,
    ) -> FramesData:
        """Read files of any known format (:mod:`aiida_mlgun.reading.formats`) into one node.

        :param keys: ``energy``, ``forces``, ``stress`` → key in the file; a missing one is detected.
        :param level: level of theory of the frames that do not say theirs.
        :param licence: under which the frames may be used, such as ``CC-BY-4.0``; kept as ``source.license``, where
            AiiDA looks for it.
        :raises RefusedError: with the file, the frame and what to do.
        """
        parts, entries = [], []
        for path in paths:
            found = import_file(path, keys)
            frames = found.frames
            if needs_labels and frames.energy is None:
                raise RefusedError(f"{path.name}: no frame has an energy. Name its key with --energy-key.")
            if needs_labels and frames.forces is None:
                raise RefusedError(
                    f"{path.name}: no frame has forces, and dynamics cannot be learnt without. Name the key with "
                    "--forces-key, or label the frames with forces."
                )
            if level is not None:
                own = frames.tag("level")
                frames = frames.with_tag("level", np.where(own == "", level, own))
            parts.append(frames)
            entries.append(found.entry)
        stated = {"license": licence} if licence else {}
        return cls(concatenate(parts), source={"files": entries} | stated)

    def twins(self) -> list[int]:
        """PKs of stored sets with the same content, oldest first."""
        same = {"attributes.content_hash": self.content_hash, "id": {"!==": self.pk or -1}}
        query = orm.QueryBuilder().append(type(self), filters=same, project="id")
        return sorted(int(pk) for pk in query.all(flat=True))

    def to_extxyz(self, handle: Any) -> None:
        """Write extended XYZ (keys ``REF_energy``, ``REF_forces``, ``REF_stress``, ``velocities``) to a text handle."""
        frames = self.frames()
        for i, atoms in enumerate(frames):
            part = frames.part(i)
            atoms.arrays.pop("velocities_A_fs", None)
            for name, values in (("REF_forces", frames.forces), ("velocities", frames.velocities)):
                if values is not None:
                    atoms.arrays[name] = values[part]
            atoms.info = {name: str(tag[i]) for name, tag in frames.tags.items() if tag[i]}
            if frames.energy is not None:
                atoms.info["REF_energy"] = float(frames.energy[i])
            if frames.stress is not None and np.isfinite(frames.stress[i]).all():
                atoms.info["REF_stress"] = frames.stress[i]
            ase.io.write(handle, atoms, format="extxyz")

    def _prepare_extxyz(self, main_file_name: str = "") -> tuple[bytes, dict[str, bytes]]:
        """For ``verdi data mlgun.frames export`` and ``Data.export``."""
        buffer = io.StringIO()
        self.to_extxyz(buffer)
        return buffer.getvalue().encode(), {}


def summary(frames: Frames) -> dict[str, Any]:
    """The queryable attributes of a set of frames."""
    real = frames.select(~frames.is_isolated)
    count = {}
    for name in ("stratum", "level", "split"):
        tags, counts = np.unique(real.tag(name), return_counts=True)
        count[name] = {str(t): int(c) for t, c in zip(tags, counts, strict=True) if t}
    data: dict[str, Any] = {
        "n_frames": len(frames),
        "n_isolated": len(frames) - len(real),
        "n_atoms": len(frames.numbers),
        "elements": frames.symbols,
        "strata": count["stratum"],
        "levels": count["level"],
        "splits": count["split"],
        "n_runs": len(set(real.tag("run").tolist()) - {""}),
        "n_unlabelled": _unlabelled(real),
        "has": [n for n in ("energy", "forces", "stress", "velocities") if getattr(frames, n) is not None],
        "e0s": isolated_energies(frames),
        "content_hash": canonical_hash(frames),
    }
    if real.energy is not None and len(real):
        per_atom = (real.energy / real.n_atoms)[np.isfinite(real.energy)]
        data["energy_per_atom_range"] = [float(per_atom.min()), float(per_atom.max())] if per_atom.size else []
    if real.forces is not None and len(real):
        known = np.abs(real.forces[np.isfinite(real.forces)])
        data["max_force"] = float(known.max()) if known.size else None
    return data


def _unlabelled(frames: Frames) -> int:
    """How many frames have, where the set has labels, an energy or a force that is not finite."""
    known = np.ones(len(frames), dtype=bool)
    if frames.energy is not None:
        known &= np.isfinite(frames.energy)
    if frames.forces is not None:
        owner = np.repeat(np.arange(len(frames)), frames.n_atoms)
        known[owner[~np.isfinite(frames.forces).all(axis=1)]] = False
    return int((~known).sum())
