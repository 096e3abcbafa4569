"""CP2K runs: values compared with what stands in their files."""

import gzip
import shutil
from pathlib import Path

import numpy as np
import pytest
from ase import units

from aiida_mlgun.contract.errors import RefusedError
from aiida_mlgun.reading.cp2k import Cp2kSource
from aiida_mlgun.science.frames import Frames, concatenate

FOLDER = Path(__file__).parents[1] / "fixtures" / "programs" / "cp2k"
FORCE = units.Hartree / units.Bohr
OBLIQUE = [[5.0, 0.0, 0.0], [0.2, 5.0, 0.0], [0.0, 0.0, 5.0]]


def everything(path: Path, size: int = 256) -> Frames:
    return concatenate(list(Cp2kSource(path).chunks(size)))


def text_of(name: str) -> str:
    return gzip.decompress((FOLDER / f"{name}.log.gz").read_bytes()).decode()


@pytest.fixture
def run(tmp_path: Path) -> Path:
    """The molecular dynamics run, unpacked into a folder of its own."""
    for name in ("h2_md-pos-1.xyz", "h2_md-frc-1.xyz", "md.inp"):
        shutil.copy(FOLDER / name, tmp_path)
    (tmp_path / "run.log").write_text(text_of("h2_md"))
    return tmp_path / "run.log"


def test_single_point() -> None:
    source = Cp2kSource(FOLDER / "h2_point.log.gz")
    frames = concatenate(list(source.chunks()))
    assert frames.energy is not None and frames.forces is not None and frames.stress is not None
    assert frames.energy.tolist() == [-1.096966674323387 * units.Hartree]
    assert frames.positions.tolist() == [[2.5, 2.5, 2.1], [2.5, 2.6, 2.9]]
    assert frames.forces[0] == pytest.approx(FORCE * np.array([0.00598254, 0.01488091, 0.11469933]), rel=1e-12)
    assert frames.cell[0] == pytest.approx(np.array(OBLIQUE), abs=1e-6)
    # CP2K's sign is that of a pressure; the energies of cells 0.5 % longer and shorter along z confirm it
    # (−1.096674147 and −1.098595780 Hartree, 400 Ry): the molecule is stretched, so z is under tension
    printed = [-3.24568906853e-01, -4.95757934770e-01, -6.79279352041, -7.94347161906e-01, 1.09170141140e-04]
    assert frames.stress[0][:5] == pytest.approx(-units.GPa * np.array(printed), rel=1e-12)
    strained = (-1.096674147247350 + 1.098595779848800) * units.Hartree / 0.01 / 125
    assert frames.stress[0][2] == pytest.approx(strained, rel=0.02)
    assert frames.tag("scf_converged").tolist() == ["T"]
    assert (source.format, source.keys.energy) == ("cp2k-out", "free_energy")


def test_a_calculation_stopped_early() -> None:
    frames = everything(FOLDER / "h2_loose.log.gz")
    assert frames.tag("scf_converged").tolist() == ["F"]
    assert frames.energy == pytest.approx([-1.096966673918486 * units.Hartree], rel=1e-14)


def test_dynamics() -> None:
    path = FOLDER / "h2_md.log.gz"
    assert [len(chunk) for chunk in Cp2kSource(path).chunks(3)] == [3, 1]
    frames = everything(path)
    assert frames.energy is not None and frames.forces is not None and frames.stress is not None
    hartree = [-1.096966674323387, -1.100416608700131, -1.108392612006966, -1.116171217783793]
    assert frames.energy == pytest.approx(np.array(hartree) * units.Hartree, rel=1e-14)
    assert frames.positions[-2].tolist() == [2.5272508004, 2.4939634826, 2.1633854844]
    assert frames.forces[-1] == pytest.approx(FORCE * np.array([0.0017408443, -0.0102880372, -0.0337065389]), rel=1e-12)
    assert frames.stress[3][2] == pytest.approx(1.39539558310 * units.GPa, rel=1e-12)
    assert frames.tag("step").tolist() == ["0", "1", "2", "3"]
    assert frames.cell[0].tolist() == OBLIQUE  # of the input; this output prints lengths and angles only
    picked = Cp2kSource(path).pick(np.array([2]))
    assert picked.energy is not None
    assert picked.energy.tolist() == [frames.energy[2]]


def test_forces_of_the_main_output(run: Path) -> None:
    (run.parent / "h2_md-frc-1.xyz").unlink()
    frames = everything(run)
    assert frames.forces is not None
    assert frames.forces[2] == pytest.approx(FORCE * np.array([0.00386111, 0.01391241, 0.10730108]), abs=1e-6)


def test_moving_cell() -> None:
    frames = everything(FOLDER / "h2_npt.log.gz")
    assert frames.cell[0].tolist() == OBLIQUE
    assert np.linalg.det(frames.cell) == pytest.approx([125.0, 125.6873464963, 119.0743651404], abs=1e-8)
    assert frames.energy is not None
    assert frames.energy[1] == pytest.approx(-1.104379588557120 * units.Hartree, rel=1e-14)


def test_optimisation() -> None:
    frames = everything(FOLDER / "h2_opt.log.gz")
    # seven structures are written, the last twice; its energy is evaluated again without forces
    assert frames.tag("step").tolist() == ["1", "2", "3", "4", "5", "6"]
    assert frames.energy is not None
    assert frames.energy[-1] == pytest.approx(-1.118289421752193 * units.Hartree, rel=1e-14)


def test_fixed_atoms() -> None:
    # atom 0 of this run was fixed, and CP2K gives it no force at all
    with pytest.raises(RefusedError, match=r"the forces on atoms 0 are exactly zero.*held in place"):
        everything(FOLDER / "h2_fixed.log.gz")


def test_coordinates_elsewhere(run: Path) -> None:
    (run.parent / "h2_md-pos-1.xyz").unlink()
    with pytest.raises(RefusedError, match=r"coordinates are in h2_md-pos-1\.xyz"):
        everything(run)


def test_cell_not_told(run: Path) -> None:
    (run.parent / "md.inp").unlink()
    with pytest.raises(RefusedError, match=r"md\.inp or h2_md-1\.cell"):
        everything(run)
    run.write_text(run.read_text().replace("NVE", "NPT_F"))
    with pytest.raises(RefusedError, match="the cell changes in this run"):
        everything(run)


def test_input_of_another_run(run: Path) -> None:
    shutil.copy(FOLDER / "h2_opt-pos-1.xyz", run.parent)
    run.write_text(text_of("h2_opt"))
    (run.parent / "opt.inp").write_text((run.parent / "md.inp").read_text().replace("A 5.0 0.0", "A 6.0 0.0"))
    with pytest.raises(RefusedError, match="cell is not that of the output"):
        everything(run)


def test_trajectory_of_another_run(run: Path) -> None:
    path = run.parent / "h2_md-pos-1.xyz"
    path.write_text(path.read_text().replace("-1.1083926120", "-1.2083926120"))
    with pytest.raises(RefusedError, match=r"frame 2: run\.log has no evaluation of its energy"):
        everything(run)


def test_forces_of_another_run(run: Path) -> None:
    path = run.parent / "h2_md-frc-1.xyz"
    text = path.read_text()
    path.write_text(text.replace("0.1073010816", "0.2073010816"))
    with pytest.raises(RefusedError, match=r"not those of h2_md-frc-1\.xyz, step 1"):
        everything(run)
    path.write_text("".join(text.splitlines(keepends=True)[:8]))
    with pytest.raises(RefusedError, match="no forces of step 2"):
        everything(run)


def test_cut(run: Path) -> None:
    text = run.read_text()
    run.write_text(text[: text.rindex("ENERGY|") - 1])
    with pytest.raises(RefusedError, match=r"frame 3: run\.log has no evaluation"):
        everything(run)
    run.write_text(text[: text.rindex("SUM OF ATOMIC") - 200] + "\n")
    with pytest.raises(RefusedError):
        everything(run)
    path = run.parent / "h2_md-pos-1.xyz"
    run.write_text(text)
    path.write_text(path.read_text()[:-30])
    with pytest.raises(RefusedError, match=r"inside frame 3.*head -n 12"):
        everything(run)


@pytest.mark.parametrize(
    ("old", "new", "said"),
    [
        ("SCF WAVEFUNCTION OPTIMIZATION", "SCF", "no self-consistent calculation"),
        ("energy [a.u.]", "energy [eV]", "unknown units"),
        ("tensor [GPa]", "tensor [Mbar]", "unknown unit"),
        ("1    1 H     1      2.500000", "1    1 Qq    1      2.500000", "table of atoms"),
        ("ATOMIC COORDINATES IN", "COORDINATES IN", "PRINT_LEVEL MEDIUM"),
        (" ATOMIC FORCES in [a.u.]", " FORCES", "no forces"),
        ("|a| =     5.000000", "|a| =     5.100000", "not told exactly enough"),
        ("-1.096966674323387", "******************", "text where a number belongs"),
    ],
)
def test_refusals(tmp_path: Path, old: str, new: str, said: str) -> None:
    text = text_of("h2_point")
    assert old in text
    path = tmp_path / "point.log"
    path.write_text(text.replace(old, new))
    with pytest.raises(RefusedError, match=said):
        everything(path)
