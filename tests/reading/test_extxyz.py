from __future__ import annotations

import gzip
import hashlib
import lzma
from pathlib import Path

import numpy as np
import pytest

from aiida_mlgun.contract.errors import RefusedError
from aiida_mlgun.reading import block, extxyz
from aiida_mlgun.reading.extxyz import ExtxyzSource
from aiida_mlgun.reading.source import Keys, Source
from aiida_mlgun.science.frames import Frames, canonical_hash, concatenate

GOOD = (
    '2\nLattice="8 0 0 0 8 0 0 0 8" Properties=species:S:1:pos:R:3:REF_forces:R:3 REF_energy=-31.7 config_type=gun '
    'run_id=r0 step=7 pbc="T T F"\nH 0 0 0 0.1 0 0\nH 0.74 0 0 -0.1 0 0\n'
)
H_ATOM = "1\nProperties=species:S:1:pos:R:3:vel:R:3 config_type=IsolatedAtom\nH 0 0 0 0 0 0\n"


def source(folder: Path, text: str | bytes, **keys: str) -> ExtxyzSource:
    path = folder / "raw.xyz"
    path.write_bytes(text if isinstance(text, bytes) else text.encode())
    return ExtxyzSource(path, keys)


def read(folder: Path, text: str, **keys: str) -> tuple[Frames, Keys]:
    found = source(folder, text, **keys)
    return concatenate(list(found.chunks())), found.keys


def numbered(count: int) -> str:
    return "".join(GOOD.replace("step=7", f"step={i}").replace("0.74", f"0.{i + 10}") for i in range(count))


def test_labels_tags_and_cell_are_read(tmp_path: Path) -> None:
    frames, keys = read(tmp_path, GOOD * 2)
    assert (len(frames), keys.energy, keys.forces, keys.stress) == (2, "REF_energy", "REF_forces", None)
    assert frames.energy is not None and frames.forces is not None
    assert frames.energy.tolist() == [-31.7, -31.7]
    assert frames.forces[:, 0].tolist() == [0.1, -0.1] * 2
    assert frames.cell[1].tolist() == [[8, 0, 0], [0, 8, 0], [0, 0, 8]]
    assert frames.pbc[0].tolist() == [True, True, False]
    tags = [frames.tag(name)[0] for name in ("stratum", "run", "step", "source")]
    assert tags == ["gun", "r0", "7", "raw.xyz"]


def test_plain_ase_labels_are_found(tmp_path: Path) -> None:
    frames, keys = read(tmp_path, GOOD.replace("REF_", ""))
    assert (keys.energy, keys.forces) == ("energy", "forces")
    assert frames.forces is not None and frames.forces[1, 0] == -0.1


def test_velocities_are_read_in_angstrom_per_fs_and_momenta_are_not(tmp_path: Path) -> None:
    frames, _ = read(tmp_path, GOOD.replace("REF_forces", "velocities"))
    assert frames.velocities is not None and frames.velocities[:, 0].tolist() == [0.1, -0.1]
    assert read(tmp_path, GOOD.replace("REF_forces", "momenta"))[0].velocities is None
    with pytest.raises(RefusedError, match="frame 0, atom 1: its velocity is not finite"):
        read(tmp_path, GOOD.replace("REF_forces", "velocities").replace("-0.1 0 0", "-0.1 0 inf"))


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ('stress="1 6 5 6 2 4 5 4 3"', [1, 2, 3, 4, 5, 6]),
        ('REF_stress="1 6 5 6 2 4 5 4 3"', [1, 2, 3, 4, 5, 6]),
        ('REF_stress="1 2 3 4 5 6"', [1, 2, 3, 4, 5, 6]),
        ('dft_stress="_JSON [[1, 6, 5], [6, 2, 4], [5, 4, 3]]"', [1, 2, 3, 4, 5, 6]),
    ],
)
def test_stress_of_six_or_nine_numbers_becomes_voigt(text: str, expected: list[float], tmp_path: Path) -> None:
    frames, keys = read(tmp_path, GOOD.replace("step=7", text))
    assert frames.stress is not None and frames.stress[0].tolist() == expected
    assert keys.stress == text.split("=")[0]


@pytest.mark.parametrize("text", ['REF_stress="1 6 5 6.1 2 4 5 4 3"', 'stress="1 6 5 6 2 4 5 4.1 3"'])
def test_a_stress_that_is_not_symmetric_is_refused(text: str, tmp_path: Path) -> None:
    with pytest.raises(RefusedError, match=r"frame 1: the label .*stress' is no stress: its matrix is not symmetric"):
        read(tmp_path, GOOD + GOOD.replace("step=7", text))


def test_a_frame_without_a_label_gets_nan_not_a_shift_of_its_neighbours(tmp_path: Path) -> None:
    bare = GOOD.replace("REF_energy=-31.7 ", "").replace("REF_forces", "other")
    frames, _ = read(tmp_path, bare + GOOD + bare)
    assert frames.energy is not None and frames.forces is not None
    assert np.isnan(frames.energy).tolist() == [True, False, True]
    assert frames.energy[1] == -31.7
    assert np.isnan(frames.forces[:, 0]).tolist() == [True, True, False, False, True, True]


def test_labels_that_are_not_finite_are_kept(tmp_path: Path) -> None:
    frames, _ = read(tmp_path, GOOD.replace("-31.7", "nan") + GOOD.replace("-0.1 0 0", "-0.1 nan 1e400"))
    assert frames.energy is not None and frames.forces is not None
    assert np.isnan(frames.energy[0]) and frames.energy[1] == -31.7
    assert np.isnan(frames.forces[3, 1]) and np.isposinf(frames.forces[3, 2])


def test_a_named_key_must_be_there(tmp_path: Path) -> None:
    frames, _ = read(tmp_path, GOOD, energy="REF_energy")
    assert frames.energy is not None and frames.energy[0] == -31.7
    with pytest.raises(RefusedError, match=r"no frame has the key 'E_dft' for energy\. Keys there: REF_energy, c"):
        read(tmp_path, GOOD, energy="E_dft")
    with pytest.raises(RefusedError, match=r"no frame has the key 'F' for forces\. Keys there: REF_forces\."):
        read(tmp_path, GOOD, forces="F")
    with pytest.raises(RefusedError, match="'positions' cannot hold the forces"):
        read(tmp_path, GOOD, forces="positions")


def test_the_first_frame_with_a_label_fixes_its_key(tmp_path: Path) -> None:
    second = GOOD.replace("REF_energy", "energy")
    both = GOOD.replace("REF_energy=-31.7", "REF_energy=-31.7 energy=-9")
    frames, keys = read(tmp_path, GOOD + both)
    assert frames.energy is not None and frames.energy.tolist() == [-31.7, -31.7] and keys.energy == "REF_energy"
    refusal = "frame 1: energy stands under '{}' here, but under '{}' in the frames before; .* --energy-key"
    with pytest.raises(RefusedError, match=refusal.format("energy", "REF_energy")):
        read(tmp_path, GOOD + second)
    with pytest.raises(RefusedError, match=refusal.format("REF_energy", "energy")):
        read(tmp_path, second + both)
    frames, _ = read(tmp_path, second + both, energy="energy")
    assert frames.energy is not None and frames.energy.tolist() == [-31.7, -9.0]
    with pytest.raises(RefusedError, match="frame 1: forces stands under 'forces' here, but under 'REF_forces'"):
        read(tmp_path, GOOD + GOOD.replace("REF_forces", "forces"))


@pytest.mark.parametrize(
    ("text", "sentence"),
    [
        ("x\n", "frame 0: a number of atoms is needed"),
        ("1000000\nProperties=species:S:1:pos:R:3\n", "frame 0: 1000000 atoms are claimed, 0 bytes are left"),
        (GOOD + GOOD[: GOOD.rindex("H 0.74")] + " " * 60, "frame 1: cut off after 1 of 2 atoms"),
        (GOOD.replace("H 0.74 0 0 -0.1 0 0", "H 0.74 0 0 -0.1"), "frame 0, atom 1: .* another number of columns"),
        (GOOD + GOOD.replace("0.74", "abc"), "frame 1, atom 1: 'abc' in the column 'positions' is no number"),
        (GOOD.replace("Qq", "H").replace("H 0 0 0 0.1", "Qq 0 0 0 0.1"), "frame 0, atom 0: 'Qq' is no element"),
        (GOOD.replace("-31.7", "abc"), "frame 0: the label 'REF_energy' is no number"),
        (GOOD + "\n" + GOOD, "frame 1: text follows a blank line"),
        (GOOD + GOOD.replace("0.74", "1e999"), "frame 1, atom 1: its position is not finite"),
    ],
)
def test_broken_text_is_refused_with_its_place(text: str, sentence: str, tmp_path: Path) -> None:
    with pytest.raises(RefusedError, match=f"^raw.xyz, {sentence}"):
        read(tmp_path, text)


def test_chunks_hold_all_frames_in_order_and_can_be_asked_for_again(tmp_path: Path) -> None:
    found: Source = source(tmp_path, numbered(10))
    for _ in range(2):
        parts = list(found.chunks(4))
        assert [len(part) for part in parts] == [4, 4, 2]
        assert concatenate(parts).tag("step").tolist() == [str(i) for i in range(10)]
    assert found.format == "extxyz"


def test_a_chunk_is_closed_when_its_frames_are_large(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(extxyz, "CHUNK_ATOMS", 6)
    assert [len(part) for part in source(tmp_path, numbered(8)).chunks()] == [3, 3, 2]


@pytest.mark.parametrize("pack", [bytes, gzip.compress, lzma.compress])
def test_pick_gives_those_frames_with_the_labels_of_the_file(pack, tmp_path: Path) -> None:  # type: ignore[no-untyped-def]
    content = pack((H_ATOM + numbered(6) + H_ATOM).encode())
    found = source(tmp_path, content)
    all_frames = concatenate(list(found.chunks(3)))
    assert found.random_access == (pack is bytes)
    for index in ([0], [1, 4], [0, 7], list(range(8)), []):
        picked = found.pick(np.array(index, dtype=np.int64))
        assert canonical_hash(picked) == canonical_hash(all_frames.select(np.array(index, dtype=np.int64)))
    assert source(tmp_path, content).pick(np.array([3])).tag("step").tolist() == ["2"]
    assert len(found) == 8
    assert found.sha256 == hashlib.sha256(content).hexdigest()
    with pytest.raises(IndexError):
        found.pick(np.array([8]))
    with pytest.raises(ValueError, match="ascend"):
        found.pick(np.array([3, 1]))


def test_a_file_that_changes_between_passes_is_refused(tmp_path: Path) -> None:
    found = source(tmp_path, numbered(3))
    list(found.chunks())
    source(tmp_path, numbered(4))
    with pytest.raises(RefusedError, match="the file changed while it was read"):
        found.pick(np.array([1]))


def test_packing_is_told_by_content(tmp_path: Path) -> None:
    streams = gzip.compress(GOOD.encode()) + gzip.compress(GOOD.encode())
    assert len(source(tmp_path, streams)) == 2
    assert len(source(tmp_path, lzma.compress(GOOD.encode()) + b"\0" * 8 + lzma.compress(GOOD.encode()))) == 2
    with pytest.raises(RefusedError, match="holds no frame"):
        len(source(tmp_path, gzip.compress(b"")))


def test_large_frames_are_read_in_pieces(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    rows = "".join(f"H {x} 0 0 {x} 0 0 {x}\n" for x in range(10))
    text = "10\nProperties=species:S:1:pos:R:3:forces:R:3:id:I:1\n" + rows
    monkeypatch.setattr(block, "PIECE_ATOMS", 4)
    frames, _ = read(tmp_path, text, forces="forces")
    assert frames.positions[:, 0].tolist() == list(range(10))
    with pytest.raises(RefusedError, match="frame 0, atom 6: 'a' in the column 'id'"):
        read(tmp_path, text.replace("0 0 6\n", "0 0 a\n"))
    with pytest.raises(RefusedError, match="frame 0: cut off after 9 of 10"):
        read(tmp_path, text.replace("H 9 0 0 9 0 0 9", " " * 20))
