"""What the viewer is told, and the files beside the page."""

from __future__ import annotations

import hashlib
import io
import json
from collections.abc import Callable
from dataclasses import replace
from importlib.resources import files
from pathlib import Path

import ase.io
import numpy as np
import pytest

from aiida_mlgun.report.examples import example_rows, examples
from aiida_mlgun.report.export import extended_xyz
from aiida_mlgun.report.inputs import Ensemble, Movie, Report
from aiida_mlgun.report.page import write
from aiida_mlgun.report.viewer import MOST_FRAMES, file_name, inline, viewer

MakeEnsemble = Callable[..., Ensemble]


def moving(ensemble: Ensemble, row: int, n_frames: int = 5) -> Ensemble:
    """With a path for the shot in ``row``: the molecule comes down to where it ended."""
    last = ensemble.final(row)
    assert last is not None
    positions = np.repeat(last[None], n_frames, axis=0)
    positions[:, ensemble.n_slab :, 2] += np.linspace(10, 0, n_frames)[:, None]
    shot = int(ensemble.arrays["shot"][row])
    return replace(ensemble, movies={shot: Movie(np.linspace(0, ensemble.column("end_fs")[row], n_frames), positions)})


def test_the_first_shot_of_an_outcome_stands_for_it_or_one_that_moves(make_ensemble: MakeEnsemble) -> None:
    one = make_ensemble(outcomes=["intact", "on_top CC0", "intact", "on_top CC0"])
    assert example_rows(one) == {"on_top CC0": 1, "intact": 0}
    assert example_rows(one, {2}) == {"on_top CC0": 1, "intact": 2}
    assert [example.shot for example in examples(moving(one, 3))] == [3, 0]


def test_shots_without_a_final_geometry_are_passed_over(make_ensemble: MakeEnsemble) -> None:
    one = make_ensemble(outcomes=["intact", "intact", "double"])
    kept = {"final_offsets": np.array([0, 0, 1, 1])}
    kept |= {name: one.arrays[name][:1] for name in ("positions", "velocities")}
    few = replace(one, arrays={**one.arrays, **kept})
    assert example_rows(few) == {"intact": 1}
    np.testing.assert_array_equal(examples(few)[0].positions, one.arrays["positions"][0])


def test_atoms_and_bonds_are_those_of_the_shot(make_ensemble: MakeEnsemble) -> None:
    one = make_ensemble(outcomes=["on_top CC0"])
    found = viewer(one, examples(one))
    assert found is not None
    told = json.loads(found.data.unescape())["examples"][0]
    symbols = [told["symbols"][kind] for kind in told["kinds"]]
    assert symbols[-4:] == ["C", "C", "H", "H"] and symbols.count("C") == 2
    xyz = np.array(told["frames"][0]["xyz"]).reshape(-1, 3) / 100
    last = one.final(0)
    assert last is not None
    molecule = last[one.n_slab :]
    np.testing.assert_allclose(np.diff(xyz[-4:], axis=0), np.diff(molecule, axis=0), atol=0.011)
    pairs = {frozenset(pair) for pair in np.array(told["frames"][0]["bonds"]).reshape(-1, 2).tolist()}
    n = len(symbols)
    assert {n - 4, n - 3} in pairs and {n - 2, n - 1} not in pairs
    assert all(any(i in pair for pair in pairs) for i in range(n - 4))  # no slab atom stands alone


def test_the_slab_goes_on_beyond_the_cell(make_ensemble: MakeEnsemble) -> None:
    one = make_ensemble(outcomes=["on_top CC0"])
    found = viewer(one, examples(one))
    assert found is not None
    told = found.examples[0]
    assert len(told["kinds"]) > 2 * len(one.arrays["numbers"])
    xyz = np.array(told["frames"][0]["xyz"]).reshape(-1, 3) / 100
    across = np.ptp(xyz[:, :2], axis=0)
    assert (across > 10).all() and (across <= 14.1).all()


def test_a_movie_has_its_frames_in_time_and_bonds_only_where_they_change(make_ensemble: MakeEnsemble) -> None:
    one = moving(make_ensemble(outcomes=["on_top CC0"]), 0, n_frames=7)
    found = viewer(one, examples(one))
    assert found is not None
    frames = found.examples[0]["frames"]
    np.testing.assert_allclose([frame["t"] for frame in frames], np.linspace(0, one.column("end_fs")[0], 7), atol=0.06)
    first, last = (np.array(frames[i]["xyz"]).reshape(-1, 3) for i in (0, -1))
    np.testing.assert_array_equal((first - last)[-4:, 2], 1000)
    np.testing.assert_array_equal(first[:-4], last[:-4])
    assert "bonds" in frames[0] and "bonds" not in frames[1] and "bonds" in frames[-1]


def test_a_long_movie_is_thinned_but_ends_where_it_ended(make_ensemble: MakeEnsemble) -> None:
    one = moving(make_ensemble(outcomes=["on_top CC0"]), 0, n_frames=500)
    found = viewer(one, examples(one))
    assert found is not None
    frames = found.examples[0]["frames"]
    assert len(frames) == MOST_FRAMES and frames[-1]["t"] == round(one.column("end_fs")[0], 1)
    assert len(ase.io.read(io.StringIO(_xyz(one)), ":", format="extxyz")) == 500


def test_the_exported_file_is_the_shot(make_ensemble: MakeEnsemble) -> None:
    one = make_ensemble(outcomes=["on_top CC0"])
    atoms = ase.io.read(io.StringIO(_xyz(one)), format="extxyz")
    np.testing.assert_allclose(atoms.positions, one.final(0), atol=1e-7)
    np.testing.assert_allclose(atoms.cell.array, one.arrays["cell"])
    assert atoms.pbc.tolist() == one.arrays["pbc"].tolist()
    assert atoms.info["outcome"] == "on_top CC0" and atoms.info["shot"] == 0 and atoms.info["time_fs"] > 0


def test_file_names_hold_no_surprise(make_ensemble: MakeEnsemble) -> None:
    (one,) = examples(make_ensemble(outcomes=["on_top CC0"]))
    assert file_name(one) == "on_top_CC0_shot0.xyz"
    assert file_name(replace(one, outcome="../a b/C=O+é")) == "a_b_C_O_shot0.xyz"


def test_text_cannot_leave_its_script() -> None:
    assert inline('{"a":"</script>"}') == '{"a":"\\u003c/script>"}'
    for text in ("x </SCRIPT >", "x <!-- y"):
        with pytest.raises(ValueError, match="must not hold"):
            inline(text)


def test_nothing_to_show_needs_no_viewer(make_ensemble: MakeEnsemble) -> None:
    assert viewer(make_ensemble(1), []) is None


def test_the_library_is_the_one_that_is_recorded() -> None:
    assets = files("aiida_mlgun.report") / "assets"
    told = (assets / "README.md").read_text(encoding="utf-8")
    library = (assets / "3Dmol-min.js").read_bytes()
    assert hashlib.sha256(library).hexdigest() in told and len(library) < 600_000
    licence = (assets / "3Dmol-min.LICENSE.txt").read_text(encoding="utf-8")
    for name in ("3Dmol.js", "Three.js", "jQuery", "pako", "upng-js", "iobuffer", "netcdfjs"):
        assert f"* {name}" in licence


def _xyz(ensemble: Ensemble) -> str:
    (one,) = examples(ensemble)
    return extended_xyz(ensemble, one, moving=True)


def test_files_are_named_as_the_page_says(make_ensemble: MakeEnsemble, tmp_path: Path) -> None:

    one = make_ensemble(outcomes=["on_top CC0", "intact"])
    page = write(Report("t", "", ensemble=one), tmp_path).read_text(encoding="utf-8")
    names = {path.name for path in (tmp_path / "structures").iterdir()}
    assert names == {"on_top_CC0_shot0.xyz", "intact_shot1.xyz"}
    assert all(f'"file":"{name}"' in page for name in names)
