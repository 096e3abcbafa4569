"""Descriptors against MACE's own, and what must not change them."""

from __future__ import annotations

from collections.abc import Callable

import ase.io
import numpy as np
import pytest
import torch
from ase import Atoms
from ase.build import molecule

from aiida_mlgun.assets import COMPACT_MODEL, shipped_models, slab
from aiida_mlgun.contract.errors import RefusedError
from aiida_mlgun.remote.mace import calculator, descriptors, load_model
from aiida_mlgun.science.frames import Frames, from_atoms

Make = Callable[[str], torch.nn.Module]
KINDS = ("norms", "invariant", "raw")


@pytest.fixture(scope="module")
def model(small_mace: Make) -> torch.nn.Module:
    """8x0e + 8x1o after the first layer, 8x0e after the last."""
    return small_mace("float64")


@pytest.fixture(scope="module")
def frames(silicon_and_acetylene: Atoms) -> Frames:
    """Of 12, 4, 5 and 1 atoms, with and without periodicity."""
    return from_atoms([silicon_and_acetylene, molecule("C2H2"), molecule("SiH4"), Atoms("C", cell=[9, 9, 9], pbc=True)])


@pytest.mark.parametrize(("kind", "width"), [("invariant", 16), ("raw", 40)])
def test_they_are_the_means_of_maces_own(model: torch.nn.Module, frames: Frames, kind: str, width: int) -> None:
    found, _ = descriptors(model, frames, kind, 3, "cpu")
    assert (found.shape, found.dtype) == ((4, width), np.float32)
    mace = calculator(model, "cpu")
    for row, atoms in zip(found, frames, strict=True):
        own = mace.get_descriptors(atoms, invariants_only=kind == "invariant")
        np.testing.assert_allclose(row, own.mean(axis=0), rtol=1e-6, atol=1e-7)


@pytest.mark.parametrize("kind", KINDS)
def test_the_shipped_model_gives_maces_own(kind: str) -> None:
    """Scalars only, so that all three kinds are the same."""
    images = [ase.io.read(slab()), molecule("C2H2")]
    model = load_model(shipped_models()[COMPACT_MODEL], "cpu", "float32")
    found, _ = descriptors(model, from_atoms(images), kind, 2, "cpu")
    assert found.shape == (2, 32)
    mace = calculator(model, "cpu")
    for row, atoms in zip(found, images, strict=True):
        np.testing.assert_allclose(row, mace.get_descriptors(atoms).mean(axis=0), rtol=1e-4, atol=1e-5)


def test_norms_are_the_lengths_of_the_vectors(model: torch.nn.Module, frames: Frames) -> None:
    found, _ = descriptors(model, frames, "norms", 4, "cpu")
    own = calculator(model, "cpu").get_descriptors(frames.atoms(0), invariants_only=False)
    lengths = np.linalg.norm(own[:, 8:32].reshape(-1, 8, 3), axis=2)
    wanted = np.concatenate([own[:, :8], lengths, own[:, 32:]], axis=1).mean(axis=0)
    np.testing.assert_allclose(found[0], wanted, rtol=1e-6, atol=1e-7)
    assert lengths.mean() > 1e-3  # so there was something to compare


def turned(atoms: Atoms) -> Atoms:
    """Turned, mirrored, moved, atoms in another order."""
    other = atoms.copy()
    other.rotate(71, (1, 2, -1), rotate_cell=True)
    other.positions[:, 0] *= -1
    other.cell[:, 0] *= -1
    other.translate([3.1, -0.4, 0.7])
    order = np.random.default_rng(0).permutation(len(other))
    moved: Atoms = other[order]
    return moved


@pytest.mark.parametrize("kind", KINDS)
def test_only_raw_features_turn_with_the_frame(model: torch.nn.Module, silicon_and_acetylene: Atoms, kind: str) -> None:
    pair = from_atoms([silicon_and_acetylene, turned(silicon_and_acetylene)])
    found, _ = descriptors(model, pair, kind, 2, "cpu")
    difference = np.abs(found[0] - found[1]).max()
    assert difference > 1e-3 if kind == "raw" else difference < 1e-6


def test_a_supercell_has_the_descriptor_of_its_cell(model: torch.nn.Module, silicon_and_acetylene: Atoms) -> None:
    pair = from_atoms([silicon_and_acetylene, silicon_and_acetylene.repeat((2, 1, 1))])
    found, _ = descriptors(model, pair, "norms", 2, "cpu")
    np.testing.assert_allclose(found[0], found[1], rtol=0, atol=1e-6)


def test_the_batch_size_changes_nothing(model: torch.nn.Module, frames: Frames) -> None:
    done: list[int] = []
    one, _ = descriptors(model, frames, "norms", 1, "cpu", done.append)
    rest, _ = descriptors(model, frames, "norms", 3, "cpu", done.append)
    np.testing.assert_allclose(one, rest, rtol=0, atol=1e-7)
    assert done == [1, 2, 3, 4, 3, 4]
    assert torch.get_default_dtype() == torch.float32


def test_a_batch_that_is_too_large_is_halved(
    model: torch.nn.Module, frames: Frames, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The device holds 13 atoms, and the first frame alone has 12."""
    wanted, _ = descriptors(model, frames, "norms", 4, "cpu")
    forward = type(model).forward

    def limited(self: torch.nn.Module, data: dict[str, torch.Tensor], **options: bool) -> object:
        if len(data["positions"]) > 13:
            raise torch.OutOfMemoryError("CUDA out of memory.")
        return forward(self, data, **options)

    monkeypatch.setattr(type(model), "forward", limited)
    found, batch = descriptors(model, frames, "norms", 4, "cpu")
    assert batch == 1
    np.testing.assert_allclose(found, wanted, rtol=0, atol=1e-7)
    big = from_atoms([frames.atoms(0).repeat((2, 1, 1))])
    with pytest.raises(torch.OutOfMemoryError):
        descriptors(model, big, "norms", 8, "cpu")


def test_an_element_that_the_model_lacks_is_refused(model: torch.nn.Module) -> None:
    with pytest.raises(RefusedError, match="O stands in the frames") as caught:
        descriptors(model, from_atoms([molecule("H2O")]), "norms", 1, "cpu")
    assert caught.value.status == "element_not_covered"
