"""Files told apart by content first, by name second; names taken as they are."""

import gzip
import lzma
import os
import shutil
from pathlib import Path

import numpy as np
import pytest
from ase.build import molecule
from ase.io import write

from aiida_mlgun.contract.errors import RefusedError
from aiida_mlgun.reading.formats import FORMATS, open_source
from aiida_mlgun.science.frames import concatenate

CASES = int(os.environ.get("MLGUN_FUZZ_CASES", "60"))
PROGRAMS = Path(__file__).parents[1] / "fixtures" / "programs"
SAMPLES = {
    "vasp-out": PROGRAMS / "vasp" / "OUTCAR_HfO2_1.xz",
    "vasp-xml": PROGRAMS / "vasp" / "vasprun_AgAc_relax.xml.xz",
    "vasp-ml-ab": PROGRAMS / "vasp" / "ML_AB",
    "espresso-out": PROGRAMS / "espresso" / "mol_C2H2.out.gz",
    "cp2k-out": PROGRAMS / "cp2k" / "h2_point.log.gz",
}


@pytest.fixture
def samples(tmp_path: Path) -> dict[str, Path]:
    for ending, name in (("traj", "ase-traj"), ("extxyz", "extxyz")):
        write(tmp_path / f"water.{ending}", molecule("H2O", vacuum=3.0))
        SAMPLES[name] = tmp_path / f"water.{ending}"
    return SAMPLES


@pytest.mark.parametrize("form", [form.name for form in FORMATS])
def test_by_content_under_any_name(samples: dict[str, Path], tmp_path: Path, form: str) -> None:
    original = samples[form]
    expected = concatenate(list(open_source(original).chunks()))
    content = original.read_bytes()
    if original.suffix == ".gz":
        content = gzip.decompress(content)
    if original.suffix == ".xz":
        content = lzma.decompress(content)
    for name, packed in (
        ("data@3", content),
        ("run*[0-9]?.txt", content),
        ("a b", gzip.compress(content)),
        ("frames@:.xz", lzma.compress(content)),
    ):
        path = tmp_path / name
        path.write_bytes(packed)
        source = open_source(path)
        assert (source.format, source.name, source.path) == (form, name, path)
        frames = concatenate(list(source.chunks()))
        assert np.array_equal(frames.positions, expected.positions)
        assert set(frames.tag("source")) == {name}
        assert np.array_equal(source.pick(np.array([len(frames) - 1])).numbers, expected.numbers[-frames.n_atoms[-1] :])


def test_the_content_corrects_the_name(tmp_path: Path) -> None:
    path = tmp_path / "frames.xyz"
    shutil.copy(SAMPLES["vasp-ml-ab"], path)
    assert open_source(path).format == "vasp-ml-ab"


def test_the_name_where_the_content_says_nothing(tmp_path: Path) -> None:
    for name, form in (
        ("vasprun.xml", "vasp-xml"),
        ("OUTCAR.2", "vasp-out"),
        ("x.extxyz", "extxyz"),
        ("y.traj", "ase-traj"),
    ):
        (tmp_path / name).write_text("nothing of the kind\n")
        source = open_source(tmp_path / name)
        assert source.format == form
        with pytest.raises(RefusedError, match=name):
            list(source.chunks())


def test_keys_are_passed_on() -> None:
    source = open_source(SAMPLES["vasp-xml"], {"energy": "energy"})
    list(source.chunks())
    assert source.keys.energy == "energy"


def _mutated(content: bytes, rng: np.random.Generator) -> bytes:
    """The content with bytes changed, taken out or put in, cut off, or with lines lost or doubled."""
    kind, changed = rng.integers(0, 6), bytearray(content)
    place = int(rng.integers(0, len(content)))
    if kind == 0:
        changed[place] = int(rng.integers(0, 256))
    elif kind == 1:
        del changed[place : place + int(rng.integers(1, 60))]
    elif kind == 2:
        del changed[place:]
    elif kind == 3:
        odd = (b"9" * 30, b"-", b"1e400", b"nan", b"\0", b"\xff\xfe", b"_")
        changed[place:place] = odd[int(rng.integers(0, len(odd)))]
    else:
        lines = content.splitlines(keepends=True)
        at = int(rng.integers(0, len(lines)))
        lines[at : at + 3] = lines[at : at + 3] * 2 if kind == 4 else []
        return b"".join(lines)
    return bytes(changed)


@pytest.mark.parametrize("form", list(SAMPLES)[:5])
def test_mutations_are_read_or_refused(tmp_path: Path, form: str) -> None:
    rng = np.random.default_rng(11)
    content = SAMPLES[form].read_bytes()
    content = gzip.decompress(content) if content[:2] == b"\x1f\x8b" else content
    content = lzma.decompress(content) if content[:1] == b"\xfd" else content
    if form == "vasp-xml":  # its first step
        content = b"".join(content.splitlines(keepends=True)[:833]) + b"</modeling>\n"
    path = tmp_path / SAMPLES[form].name.split(".")[0]
    refused = 0
    for _ in range(CASES):
        path.write_bytes(_mutated(content, rng))
        try:
            assert sum(map(len, open_source(path).chunks())) >= 1
        except RefusedError:
            refused += 1
    assert 0 < refused < CASES


def test_unknown(tmp_path: Path) -> None:
    path = tmp_path / "thesis.pdf"
    path.write_bytes(b"%PDF-1.7 \x00\x01")
    with pytest.raises(RefusedError, match=r"Known are ASE trajectory.*extended XYZ"):
        open_source(path)


def test_no_file(tmp_path: Path) -> None:
    (tmp_path / "empty").touch()
    (tmp_path / "blank").write_text(" \n\n")
    (tmp_path / "packed.gz").write_bytes(gzip.compress(b""))
    for name, said in (
        ("", "folder"),
        ("missing", "no such file"),
        ("missing@0", "no such file"),
        ("empty", "empty"),
        ("blank", "empty"),
        ("packed.gz", "empty"),
    ):
        with pytest.raises(RefusedError, match=said):
            open_source(tmp_path / name)
