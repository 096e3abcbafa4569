"""pw.x outputs: values compared with what stands in them, and with ASE's reading."""

import gzip
import io
from pathlib import Path

import numpy as np
import pytest
from ase import units
from ase.io import read

from aiida_mlgun.contract.errors import RefusedError
from aiida_mlgun.reading.espresso import EspressoSource
from aiida_mlgun.science.frames import Frames, concatenate

FOLDER = Path(__file__).parents[1] / "fixtures" / "programs" / "espresso"
MD, LOOSE, VC = (FOLDER / f"{name}.out.gz" for name in ("mol_C2H2", "unconv_0", "si_vc_relax"))


def everything(path: Path, size: int = 256) -> Frames:
    return concatenate(list(EspressoSource(path).chunks(size)))


def text_of(path: Path) -> str:
    return gzip.decompress(path.read_bytes()).decode()


def write(folder: Path, text: str) -> Path:
    path = folder / "pw.out"
    path.write_text(text)
    return path


def test_dynamics() -> None:
    source = EspressoSource(MD)
    chunks = list(source.chunks(7))
    assert [len(chunk) for chunk in chunks] == [7, 7, 7, 7, 2]
    frames = concatenate(chunks)
    assert frames.energy is not None and frames.forces is not None and frames.stress is None
    assert frames.energy[0] == pytest.approx(-24.75359967 * units.Ry, rel=1e-14)
    assert frames.energy[29] == pytest.approx(-24.75166237 * units.Ry, rel=1e-14)
    assert frames.numbers[:4].tolist() == [6, 6, 1, 1]
    force = units.Ry / units.Bohr
    assert frames.forces[0] == pytest.approx(force * np.array([-0.00000377, -0.00001038, 0.00470076]), rel=1e-12)
    assert frames.forces[-1] == pytest.approx(force * np.array([-0.00327467, -0.00627123, -0.00151743]), rel=1e-12)
    # the first structure is printed in alat, those after it, each below the step before, in Å
    assert frames.positions[0] == pytest.approx([3.5, 3.5, 4.60808], abs=1e-5)
    assert frames.positions[4].tolist() == [3.4948920523, 3.5078264237, 4.6025016625]
    assert frames.cell[0] == pytest.approx(np.diag([7.0, 7.0, 8.0]), abs=1e-5)
    assert set(frames.tag("scf_converged")) == {"T"}
    assert frames.tag("step").tolist() == [str(i) for i in range(30)]
    assert (source.keys.energy, source.keys.stress) == ("free_energy", None)
    picked = source.pick(np.array([0, 29]))
    assert picked.energy is not None
    assert picked.energy.tolist() == frames.energy[[0, 29]].tolist()


def test_a_loose_calculation_that_says_it_has_converged() -> None:
    assert "convergence has been achieved" in text_of(LOOSE)  # at 0.409 Ry; 5e-7 was asked for
    frames = everything(LOOSE)
    assert frames.tag("scf_converged").tolist() == ["F"]
    assert frames.energy == pytest.approx([-158.99320665 * units.Ry], rel=1e-14)


def test_variable_cell() -> None:
    frames = everything(VC)
    alat = 10 * units.Bohr
    assert frames.stress is not None and frames.energy is not None
    assert len(frames) == 3
    assert frames.cell[0] == pytest.approx(alat * np.array([[-0.5, 0, 0.5], [0, 0.5, 0.5], [-0.5, 0.5, 0]]), abs=1e-12)
    assert frames.cell[1][0] == pytest.approx(alat * np.array([-0.518333351, -0.001682568, 0.518668401]), rel=1e-12)
    fraction = np.array([0.2561916641, 0.2508185570, 0.2421712219])
    assert frames.positions[3] == pytest.approx(fraction @ frames.cell[1], rel=1e-12)
    # 197.46 kbar of pressure: compressed, so negative in the sign used here
    printed = -np.array([0.00132443, 0.00135124, 0.00135124, 0.00000763, -0.00014223, 0.00014223])
    assert frames.stress[0] == pytest.approx(printed * units.Ry / units.Bohr**3, rel=1e-12)
    assert -frames.stress[0][:3].mean() / (0.1 * units.GPa) == pytest.approx(197.46, abs=0.02)
    assert set(frames.tag("scf_converged")) == {"T"}


@pytest.mark.parametrize("path", [MD, LOOSE, VC])
def test_as_ase(path: Path) -> None:
    images = read(io.StringIO(text_of(path)), index=":", format="espresso-out")
    frames = everything(path)
    assert len(images) == len(frames)
    assert frames.positions == pytest.approx(np.concatenate([a.positions for a in images]), abs=1e-6)
    assert frames.forces == pytest.approx(np.concatenate([a.get_forces() for a in images]), abs=1e-5)
    # ASE takes the Rydberg of CODATA 2006
    assert frames.energy == pytest.approx([a.get_potential_energy() for a in images], rel=1e-7)


@pytest.mark.parametrize("place", ["iteration #  2", "!    total energy", "Forces acting on"])
def test_cut(tmp_path: Path, place: str) -> None:
    text = text_of(MD)
    path = write(tmp_path, text[: text.rindex(place) + len(place)])
    if place == "Forces acting on":
        path = write(tmp_path, text[: text.rindex("     atom    3 type")])
    with pytest.raises(RefusedError, match=r"inside frame 29.*head -n \d+") as refusal:
        everything(path)
    kept = int(str(refusal.value).split("head -n ")[1].split(")")[0])
    assert len(everything(write(tmp_path, "".join(text.splitlines(keepends=True)[:kept])))) == 29


def test_a_run_that_stopped_without_convergence(tmp_path: Path) -> None:
    text = text_of(LOOSE).replace("convergence has been achieved in", "convergence NOT achieved after")
    tight = text.replace("5.0E-07", "5.0E-01")
    assert everything(write(tmp_path, tight)).tag("scf_converged").tolist() == ["F"]
    assert everything(write(tmp_path, text_of(LOOSE).replace("5.0E-07", "5.0E-01"))).tag("scf_converged")[0] == "T"


def test_concatenated_outputs(tmp_path: Path) -> None:
    frames = everything(write(tmp_path, text_of(VC) + text_of(LOOSE)))
    assert frames.n_atoms.tolist() == [2, 2, 2, 28]
    assert frames.tag("scf_converged").tolist() == ["T", "T", "T", "F"]


@pytest.mark.parametrize(
    ("old", "new", "said"),
    [
        ("Ry/au", "eV/A", "unknown units"),
        ("Forces acting on atoms", "Farces acting on atoms", "no forces"),
        ("    28\n", "    29\n", "has 0 of the 3|no chemical element|columns"),
        ("(   0.2614040   0.2525869 ", "(   *********   0.2525869 ", "text where a number belongs"),
        ("(   0.2614040   0.2525869 ", "(         NaN   0.2525869 ", "frame 0: atom 0 has a position"),
        ("         1           Si  tau", "         1           Qq  tau", "'Qq', is no chemical element"),
        ("a(3) = (   0.000000   0.000000   2.016980", "a(3) = (   0.000000   1.000000   0.000000", "no volume"),
        (
            "!    total energy              =    -158.99320665",
            "!    total energy              =    ******",
            "text where",
        ),
        ("site n.     atom", "sites", "before its cell and atoms"),
    ],
)
def test_refusals(tmp_path: Path, old: str, new: str, said: str) -> None:
    text = text_of(LOOSE)
    assert old in text
    with pytest.raises(RefusedError, match=said):
        everything(write(tmp_path, text.replace(old, new)))


def test_no_calculation(tmp_path: Path) -> None:
    with pytest.raises(RefusedError, match="no complete step"):
        everything(write(tmp_path, "     Program PWSCF v.6.7MaX starts\n"))
