from __future__ import annotations

import io

import numpy as np
import pytest

from aiida_mlgun.contract.errors import RefusedError
from aiida_mlgun.science.extxyz import read_frames

GOOD = (
    '2\nLattice="8 0 0 0 8 0 0 0 8" Properties=species:S:1:pos:R:3:REF_forces:R:3 REF_energy=-31.7 config_type=gun '
    'run_id=r0 step=7 pbc="T T F"\nH 0 0 0 0.1 0 0\nH 0.74 0 0 -0.1 0 0\n'
)


def read(text: str, **keys: str):
    return read_frames(io.StringIO(text), len(text), "raw.xyz", keys)


def test_labels_tags_and_cell_are_read() -> None:
    frames, keys = read(GOOD * 2)
    assert (len(frames), keys.energy, keys.forces, keys.stress) == (2, "REF_energy", "REF_forces", None)
    assert frames.energy.tolist() == [-31.7, -31.7]
    assert frames.forces[:, 0].tolist() == [0.1, -0.1] * 2
    assert frames.pbc[0].tolist() == [True, True, False]
    tags = [frames.tag(name)[0] for name in ("stratum", "run", "step", "source")]
    assert tags == ["gun", "r0", "7", "raw.xyz"]


def test_plain_ase_labels_are_found() -> None:
    text = GOOD.replace("REF_", "")
    frames, keys = read(text)
    assert (keys.energy, keys.forces) == ("energy", "forces")
    assert frames.forces[1, 0] == -0.1


def test_a_frame_without_a_label_gets_nan_not_a_shift_of_its_neighbours() -> None:
    frames, _ = read(GOOD.replace("REF_energy=-31.7 ", "") + GOOD)
    assert np.isnan(frames.energy[0]) and frames.energy[1] == -31.7


def test_a_named_key_must_be_there() -> None:
    frames, _ = read(GOOD, energy="REF_energy")
    assert frames.energy[0] == -31.7
    with pytest.raises(RefusedError, match=r"no frame has the key 'E_dft' for energy. Keys there: .*REF_energy"):
        read(GOOD, energy="E_dft")


@pytest.mark.parametrize(
    ("text", "sentence"),
    [
        ("", "holds no frame"),
        ("x\n", "frame 0: a number of atoms is needed"),
        ("1000000\nProperties=species:S:1:pos:R:3\n", "frame 0: 1000000 atoms are claimed"),
        (GOOD + GOOD[: GOOD.rindex("H 0.74")] + " " * 60, "frame 1: cut off after 1 of 2 atoms"),
        (GOOD.replace("H 0.74 0 0 -0.1 0 0", "H 0.74 0 0 -0.1"), "frame 0, atom 1: .* another number of columns"),
        (GOOD.replace("0.74", "abc"), "frame 0: not readable"),
        (GOOD.replace("H 0 0 0 0.1", "Qq 0 0 0 0.1"), "frame 0: not readable"),
        (GOOD.replace("-31.7", "abc"), "frame 0: a label is no number"),
        (GOOD + "\n" + GOOD, "text follows a blank line after frame 0"),
        ("-3\n\n", "-3 atoms are claimed"),
    ],
)
def test_broken_text_is_refused_with_its_place(text: str, sentence: str) -> None:
    with pytest.raises(RefusedError, match=f"raw.xyz.*{sentence}"):
        read(text)


def test_a_claim_of_millions_is_answered_without_reading_on() -> None:
    class Bomb(io.StringIO):
        def read(self, *args):  # type: ignore[no-untyped-def]
            raise AssertionError("the whole file was read")

    text = "900000000\ncomment\n"
    with pytest.raises(RefusedError, match="are left in the file"):
        read_frames(Bomb(text), len(text), "raw.xyz")
