"""VASP's ML_AB: the same numbers as the runs that it was put together from."""

from pathlib import Path

import numpy as np
import pytest

from aiida_mlgun.contract.errors import RefusedError
from aiida_mlgun.reading.steps import StepSource
from aiida_mlgun.reading.vasp import OutcarSource
from aiida_mlgun.reading.vasp_ml_ab import MlAbSource
from aiida_mlgun.reading.vasp_xml import VasprunSource
from aiida_mlgun.science.frames import Frames, concatenate

FOLDER = Path(__file__).parents[1] / "fixtures" / "programs" / "vasp"
ML_AB = FOLDER / "ML_AB"


def everything(source: StepSource, size: int = 256) -> Frames:
    return concatenate(list(source.chunks(size)))


def write(folder: Path, text: str) -> Path:
    path = folder / "ML_AB"
    path.write_text(text)
    return path


def test_is_what_the_runs_say() -> None:
    source = MlAbSource(ML_AB)
    frames = everything(source, 3)
    assert frames.n_atoms.tolist() == [2, 2, 2, 96]
    assert frames.tag("system").tolist() == ["AgAc", "AgAc", "AgAc", "HfO2 amorphous"]
    assert frames.energy is not None and frames.forces is not None and frames.stress is not None
    assert frames.energy.tolist() == [-7.13733633, -7.1389772, -7.14173545, -2759.11555469]
    runs = concatenate(
        [
            everything(VasprunSource(FOLDER / "vasprun_AgAc_relax.xml.xz")),
            everything(OutcarSource(FOLDER / "OUTCAR_HfO2_1.xz")),
        ]
    )
    assert (frames.numbers == runs.numbers).all()
    assert frames.positions == pytest.approx(runs.positions, abs=1e-12)
    assert frames.cell == pytest.approx(runs.cell, abs=1e-12)
    assert frames.forces == pytest.approx(runs.forces, abs=1e-12)
    assert frames.stress == pytest.approx(runs.stress, abs=1e-12)
    assert source.keys.energy == "energy"
    picked = source.pick(np.array([1, 3]))
    assert picked.energy is not None
    assert picked.energy.tolist() == [-7.1389772, -2759.11555469]


def test_charges_at_the_end_are_passed_over(tmp_path: Path) -> None:
    star, dash = "*" * 50 + "\n", "-" * 50 + "\n"
    text = ML_AB.read_text().replace(star + "     Configuration num.      2", "@")
    text = text.replace(
        "@", "=" * 50 + "\n     Charges (e)\n" + dash + "  0.1\n -0.1\n" + star + "     Configuration num.      2"
    )
    assert len(everything(MlAbSource(write(tmp_path, text)))) == 4


def test_cut(tmp_path: Path) -> None:
    text = ML_AB.read_text()
    for place in ("HfO2 amorphous", "Total energy", "XY YZ ZX"):
        path = write(tmp_path, text[: text.rindex(place) + len(place) + 60])
        with pytest.raises(RefusedError, match=r"inside frame 3.*head -n"):
            everything(MlAbSource(path))
    with pytest.raises(RefusedError, match="end its last line"):
        everything(MlAbSource(write(tmp_path, text.rstrip("\n"))))


@pytest.mark.parametrize(
    ("old", "new", "said"),
    [
        ("        96\n*", "        95\n*", "more atoms than the 95|numbers of atoms differ"),
        ("          4\n", "          5\n", "5 configurations are claimed on top, 4 are there"),
        ("     Hf    32", "     Qq    32", "frame 3, atom 0: 'Qq'"),
        ("     XX YY ZZ", "     XX YY ZX", "is not 'XX YY ZZ'"),
        ("  -2759.11555469", "  -2759.1_5469", "text where a number belongs"),
        ("     Total energy (eV)", "     Total energy (Ry)", "without 'Total energy"),
        ("     The number of atoms\n", "     Number of atoms\n", "which it needs"),
        ("        96\n*", "   9999999999\n*", "where a number of things belongs"),
        ("     Stress (kbar)", "     Stress (GPa)", "before the one of line .* has its|inside its first step"),
    ],
)
def test_refusals(tmp_path: Path, old: str, new: str, said: str) -> None:
    text = ML_AB.read_text()
    assert old in text
    with pytest.raises(RefusedError, match=said):
        everything(MlAbSource(write(tmp_path, text.replace(old, new))))
