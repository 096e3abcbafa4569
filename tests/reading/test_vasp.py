"""VASP's files: values compared with what stands in them, read by eye."""

import lzma
import time
import tracemalloc
from pathlib import Path

import numpy as np
import pytest
from ase import units
from ase.io import read

from aiida_mlgun.contract.errors import RefusedError
from aiida_mlgun.reading.vasp import OutcarSource
from aiida_mlgun.reading.vasp_xml import VasprunSource
from aiida_mlgun.science.frames import Frames, concatenate

FOLDER = Path(__file__).parents[1] / "fixtures" / "programs" / "vasp"
OUTCAR = FOLDER / "OUTCAR_HfO2_1.xz"
VASPRUN = FOLDER / "vasprun_AgAc_relax.xml.xz"
KBAR = 0.1 * units.GPa


def everything(source: OutcarSource | VasprunSource, size: int = 256) -> Frames:
    return concatenate(list(source.chunks(size)))


def lines(path: Path) -> list[str]:
    content = path.read_bytes()
    return (lzma.decompress(content) if path.suffix == ".xz" else content).decode("latin-1").splitlines(keepends=True)


def write(folder: Path, name: str, text: list[str] | str) -> Path:
    path = folder / name
    path.write_text("".join(text))
    return path


class TestOutcar:
    def test_values(self) -> None:
        source = OutcarSource(OUTCAR)
        frames = everything(source)
        assert len(frames) == 1
        assert frames.numbers.tolist() == [72] * 32 + [8] * 64
        assert frames.energy is not None and frames.forces is not None and frames.stress is not None
        assert frames.energy[0] == -2759.11555469
        assert frames.positions[0].tolist() == [10.40262, 7.59496, -9.10077]
        assert frames.forces[0].tolist() == [1.575177, 1.330752, -3.538164]
        assert frames.cell[0].tolist() == [[10.129786, 0, 0], [1.730355, 0, -10.371119], [0, 10.263143, 0]]
        # in kB: XX YY ZZ XY YZ ZX, positive under compression
        expected = -KBAR * np.array([77.70829, 12.04430, 62.22823, 9.28393, 66.48603, 2.52352])
        assert frames.stress[0] == pytest.approx(expected, rel=1e-12)
        assert frames.tag("scf_converged").tolist() == ["T"]
        assert frames.tag("source").tolist() == [OUTCAR.name]
        assert (source.format, source.keys.energy, source.keys.forces) == ("vasp-out", "free_energy", "forces")

    def test_two_steps_and_pick(self, tmp_path: Path) -> None:
        text = lines(OUTCAR)
        begun = next(i for i, line in enumerate(text) if "Iteration" in line)
        second = [line.replace("-2759.11555469", "-2760.50000000") for line in text[begun:]]
        path = write(tmp_path, "OUTCAR", text + second)
        source = OutcarSource(path)
        assert [len(chunk) for chunk in source.chunks(1)] == [1, 1]
        picked = source.pick(np.array([1]))
        assert picked.energy is not None
        assert picked.energy.tolist() == [-2760.5]
        assert picked.tag("step").tolist() == ["1"]
        with pytest.raises(RefusedError, match="frame 2 was asked for"):
            source.pick(np.array([0, 2]))

    def test_not_converged(self, tmp_path: Path) -> None:
        text = "".join(lines(OUTCAR))
        said = write(tmp_path, "OUTCAR_1", text.replace("EDIFF is reached", "EDIFF was not reached (unconverged)"))
        assert everything(OutcarSource(said)).tag("scf_converged").tolist() == ["F"]
        silent = "".join(line for line in lines(OUTCAR) if "aborting loop" not in line)
        assert everything(OutcarSource(write(tmp_path, "a", silent))).tag("scf_converged").tolist() == ["T"]
        limit = silent.replace("NELM   =    100;", "NELM   =     18;")  # it made 18 iterations
        assert everything(OutcarSource(write(tmp_path, "b", limit))).tag("scf_converged").tolist() == ["F"]

    @pytest.mark.parametrize("place", ["Iteration      1(  10)", "in kB", "POSITION      ", "FREE ENERGIE OF THE"])
    def test_cut_in_the_second_step(self, tmp_path: Path, place: str) -> None:
        text = lines(OUTCAR)
        begun = next(i for i, line in enumerate(text) if "Iteration" in line)
        stop = next(i for i, line in enumerate(text) if place in line)
        path = write(tmp_path, "OUTCAR", text + text[begun : stop + 3])
        with pytest.raises(RefusedError, match=r"inside frame 1.*head -n (\d+)") as refusal:
            everything(OutcarSource(path))
        kept = int(str(refusal.value).split("head -n ")[1].split(")")[0])
        whole = everything(OutcarSource(write(tmp_path, "kept", (text + text[begun:])[:kept])))
        assert len(whole) == 1

    def test_cut_in_a_number(self, tmp_path: Path) -> None:
        text = "".join(lines(OUTCAR))
        path = write(tmp_path, "OUTCAR", text[: text.rindex("-2759.11555469") + 7])
        with pytest.raises(RefusedError, match="inside its first step"):
            everything(OutcarSource(path))

    def test_refusals(self, tmp_path: Path) -> None:
        text = "".join(lines(OUTCAR))
        stars = text.replace("      9.27324      2.66718     -3.75485", "*" * 39)
        with pytest.raises(RefusedError, match="frame 0: not readable"):
            everything(OutcarSource(write(tmp_path, "stars", stars)))
        learnt = text.replace("  FREE ENERGIE OF", "  ML FREE ENERGIE OF")
        with pytest.raises(RefusedError, match="force field learnt on the fly"):
            everything(OutcarSource(write(tmp_path, "learnt", learnt)))
        unknown = text.replace("PAW_PBE Hf", "PAW_PBE Qq")
        with pytest.raises(RefusedError, match="elements cannot be told"):
            everything(OutcarSource(write(tmp_path, "unknown", unknown)))
        with pytest.raises(RefusedError, match="has no key 'E0' for energy"):
            OutcarSource(OUTCAR, {"energy": "E0"})


class TestVasprun:
    def test_values(self) -> None:
        source = VasprunSource(VASPRUN)
        frames = everything(source, 2)
        assert frames.symbols == ["Ag", "Ac"] and frames.numbers[:2].tolist() == [89, 47]
        assert frames.energy is not None and frames.forces is not None and frames.stress is not None
        assert frames.energy.tolist() == [-7.13733633, -7.1389772, -7.14173545]
        assert frames.cell[1].tolist() == [
            [0, 3.27718415, 3.27718415],
            [3.27718415, 0, 3.27718415],
            [3.27718415] * 2 + [0],
        ]
        assert frames.positions[3] == pytest.approx([2 * 0.500001 * 3.27718415] * 3, rel=1e-14)
        assert np.abs(frames.forces).max() == 0
        assert frames.stress[:, 0] == pytest.approx(
            -KBAR * np.array([11.31527717, -6.56658115, -2.02429105]), rel=1e-12
        )
        assert frames.tag("scf_converged").tolist() == ["T", "T", "T"]
        assert frames.tag("step").tolist() == ["0", "1", "2"]
        assert source.keys.energy == "free_energy"

    def test_extrapolated_energy_is_of_the_last_electronic_step(self) -> None:
        # the step's own e_0_energy is the entropy term, -0.00987971, in this version of VASP
        frames = everything(VasprunSource(VASPRUN, {"energy": "energy"}))
        assert frames.energy is not None
        assert frames.energy[2] == pytest.approx(-7.13844222, abs=1e-12)

    def test_as_ase(self, tmp_path: Path) -> None:
        path = write(tmp_path, "vasprun.xml", lines(VASPRUN))
        images = read(path, index=":", format="vasp-xml")
        frames = everything(VasprunSource(path))
        for i, image in enumerate(images):
            assert frames.positions[frames.part(i)] == pytest.approx(image.positions, abs=1e-12)
            assert frames.stress is not None
            assert frames.stress[i] == pytest.approx(image.get_stress(), abs=1e-12)

    def test_enthalpy_is_undone(self, tmp_path: Path) -> None:
        text = "".join(lines(VASPRUN)).replace('name="PSTRESS">      0.0', 'name="PSTRESS">    100.0')
        frames = everything(VasprunSource(write(tmp_path, "vasprun.xml", text)))
        assert frames.energy is not None
        assert frames.energy[0] == pytest.approx(-7.13733633 - 100 * KBAR * 68.00265731, abs=1e-7)

    def test_electronic_steps_at_the_limit(self, tmp_path: Path) -> None:
        text = "".join(lines(VASPRUN))
        steps = [part.count("<scstep>") for part in text.split("<calculation>")[1:]]
        text = text.replace('name="NELM">    60<', f'name="NELM">    {max(steps)}<')
        tags = everything(VasprunSource(write(tmp_path, "v.xml", text))).tag("scf_converged")
        assert tags.tolist() == ["F" if n == max(steps) else "T" for n in steps]

    @pytest.mark.parametrize("line", [700, 910, 990, 1000, 20000])
    def test_cut(self, tmp_path: Path, line: int) -> None:
        path = write(tmp_path, "vasprun.xml", lines(VASPRUN)[:line])
        complete, last = (0, 0) if line < 833 else (1, 833) if line < 995 else (2, 995)
        pattern = f"inside frame {complete}.*head -n {last}.*</modeling>" if complete else "Give the whole file"
        with pytest.raises(RefusedError, match=pattern):
            everything(VasprunSource(path))
        if complete:
            write(tmp_path, "kept.xml", [*lines(VASPRUN)[:last], "</modeling>\n"])
            assert len(everything(VasprunSource(tmp_path / "kept.xml"))) == complete

    def test_refusals(self, tmp_path: Path) -> None:
        text = "".join(lines(VASPRUN)[:833]) + "</modeling>\n"
        assert len(everything(VasprunSource(write(tmp_path, "v.xml", text)))) == 1
        for old, new, said in (
            ("<c>Ac</c>", "<c>Qq</c>", "frame 0, atom 0: 'Qq' is no chemical element"),
            ('<varray name="forces" >', '<varray name="forced" >', "no forces"),
            ("<v>       0.50000100       0.50000100       0.50000100 </v>", "<v> NaN 0.5 0.5 </v>", "atom 1 has a pos"),
            ("<v>       0.50000100       0.50000100       0.50000100 </v>", "", "1 positions for 2 atoms"),
            ('<i name="e_fr_energy">     -7.13733633', '<i name="e_fr_energy">  *******', "not readable"),
            ("3.23965400", "0.00000000", "no volume"),
        ):
            path = write(tmp_path, "v.xml", text.replace(old, new))
            with pytest.raises(RefusedError, match=said):
                everything(VasprunSource(path))

    def test_a_force_fields_step_is_refused(self, tmp_path: Path) -> None:
        text = "".join(lines(VASPRUN)[:833]) + "</modeling>\n"
        text = text.replace("<scstep>", "<mlstep>").replace("</scstep>", "</mlstep>")
        with pytest.raises(RefusedError, match=r"no electronic steps.*ML_AB"):
            everything(VasprunSource(write(tmp_path, "v.xml", text)))

    @pytest.mark.parametrize("kind", ["laughs", "outside", "quadratic", "deep"])
    def test_hostile(self, tmp_path: Path, kind: str) -> None:
        declared = {
            "laughs": '<!ENTITY a "ha">'
            + "".join(f'<!ENTITY {b} "{f"&{a};" * 10}">' for a, b in zip("abcdefghi", "bcdefghij", strict=True)),
            "outside": '<!ENTITY j SYSTEM "file:///etc/hostname">',
            "quadratic": f'<!ENTITY j "{"x" * 50_000}">',
        }
        if kind == "deep":
            text = "<modeling>" + "<a>" * 500_000
        else:
            body = "&j;" * 5_000
            text = f'<?xml version="1.0"?><!DOCTYPE modeling [{declared[kind]}]><modeling>{body}</modeling>'
        path = write(tmp_path, "vasprun.xml", text)
        tracemalloc.start()
        begun = time.perf_counter()
        with pytest.raises(RefusedError, match=r"document type|nest deeper"):
            everything(VasprunSource(path))
        taken, peak = time.perf_counter() - begun, tracemalloc.get_traced_memory()[1]
        tracemalloc.stop()
        assert taken < 1 and peak < 50e6
