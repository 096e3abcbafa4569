from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from ase import Atoms

from aiida_mlgun.contract.errors import RefusedError
from aiida_mlgun.science.frames import (
    ISOLATED,
    canonical_hash,
    concatenate,
    from_arrays,
    from_atoms,
    isolated_energies,
    to_arrays,
)
from aiida_mlgun.science.npz import pack, unpack


def test_frames_survive_packing_bit_for_bit(make_frames) -> None:
    frames = make_frames(4, stratum="molecule", run="a")
    content = pack(to_arrays(frames))
    again = from_arrays(unpack(content))
    assert canonical_hash(again) == canonical_hash(frames)
    assert pack(to_arrays(again)) == content
    assert np.array_equal(again.forces, frames.forces)


def test_scalars_stay_scalars() -> None:
    assert unpack(pack({"n": np.asarray(3)}))["n"].shape == ()


def test_the_hash_sees_labels_and_tags_but_not_the_source(make_frames) -> None:
    frames = make_frames(3)
    other = replace(frames, energy=frames.energy + 1e-9)
    assert canonical_hash(other) != canonical_hash(frames)
    assert canonical_hash(frames.with_tag("run", ["a"] * 3)) != canonical_hash(frames)
    assert canonical_hash(frames.with_tag("source", ["x"] * 3)) == canonical_hash(frames)


def test_selecting_keeps_each_frame_whole(make_frames) -> None:
    frames = concatenate([make_frames(2), make_frames(2, Atoms("CO", [(0, 0, 0), (1.1, 0, 0)], cell=[9, 9, 9]))])
    chosen = frames.select([3, 0])
    assert chosen.n_atoms.tolist() == [2, 2]
    assert np.array_equal(chosen.positions[:2], frames.positions[frames.part(3)])
    assert chosen.symbols == ["H", "C", "O"]
    assert len(frames.select([])) == 0
    assert len(frames.select(frames.n_atoms > 5)) == 0


def test_concatenation_fills_missing_labels_with_nan(make_frames) -> None:
    frames = make_frames(2, run="a")
    bare = replace(make_frames(1), energy=None, forces=None)
    both = concatenate([frames, bare])
    assert np.isnan(both.energy).tolist() == [False, False, True]
    assert both.tag("run").tolist() == ["a", "a", ""]


def test_e0s_come_from_isolated_atoms_alone() -> None:
    frames = from_atoms([Atoms("H"), Atoms("C")], {"stratum": [ISOLATED, "else"]})
    assert isolated_energies(replace(frames, energy=np.array([-13.6, -37.0]))) == {"H": -13.6}


def test_two_different_e0s_are_refused() -> None:
    frames = from_atoms([Atoms("H"), Atoms("H")], {"stratum": [ISOLATED, ISOLATED]})
    with pytest.raises(RefusedError, match="two isolated H atoms"):
        isolated_energies(replace(frames, energy=np.array([-13.6, -13.5])))


def test_arrays_that_do_not_fit_are_refused(make_frames) -> None:
    arrays = to_arrays(make_frames(2))
    with pytest.raises(RefusedError, match="'forces' has shape"):
        from_arrays({**arrays, "forces": np.zeros((3, 3))})
    with pytest.raises(RefusedError, match="do not count their atoms"):
        from_arrays({**arrays, "offsets": np.array([0, 4, 4])})
    with pytest.raises(RefusedError, match="lack the array"):
        from_arrays({})


def test_bytes_that_are_no_arrays_are_refused() -> None:
    with pytest.raises(RefusedError, match="not a file of arrays"):
        unpack(b"PK nonsense")
    pickled = np.array([{"a": 1}], dtype=object)
    with pytest.raises(ValueError, match="Object arrays cannot be saved"):
        pack({"x": pickled})
