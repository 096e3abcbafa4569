from __future__ import annotations

import time
from dataclasses import replace
from typing import Any

import numpy as np
import pytest

from aiida_mlgun.contract.errors import RefusedError
from aiida_mlgun.contract.jobs import ShootJob
from aiida_mlgun.contract.strict import load
from aiida_mlgun.science.slabs import analyse
from aiida_mlgun.workflows.campaign import GunParameters, check_system
from tests.nodes import acetylene, chemistry, slab_atoms


def campaign(**changes: Any) -> GunParameters:
    data: dict[str, Any] = {"n_shots": 10, "chemistry": chemistry(), "aim": {"height": 9.0}, "min_image_gap": 3.0}
    data |= {"decision": {"leave_height": 8.0}, **changes}
    return load(GunParameters, data, "gun")


def test_a_batch_is_a_shoot_job_of_this_campaign() -> None:
    whole = campaign(
        **{"seed": 77, "fixed_layers": 2, "output": {"trajectories": ["intact"]}, "device": "cpu"},
        **{"dynamics": {"threads": 3}, "checkpoint_every_s": 20.0},
    )
    for first, n in ((0, 3), (7, 1)):
        job = load(ShootJob, whole.batch(first, n), "shoot")
        assert (job.first_shot, job.n_shots) == (first, n)
        assert (job.seed, job.fixed_layers, job.output.trajectories, job.device) == (77, 2, ("intact",), "cpu")
        assert job.checkpoint_every_s == 20.0
        assert (job.chemistry, job.aim, job.dynamics) == (whole.chemistry, whole.aim, whole.dynamics)
    start = campaign(seed=77, device="cpu", dynamics={"threads": 3}, equilibrate={"snapshots": 4})
    assert start.equilibrate_parameters() == {
        "snapshots": 4,
        "seed": 77,
        "fixed_layers": 1,
        "device": "cpu",
        "threads": 3,
    }


@pytest.mark.parametrize(
    ("changes", "sentence"),
    [
        ({"n_shots": 0}, "n_shots must be at least 1, not 0."),
        ({"shots_per_job": 0}, "shots_per_job must be at least 1"),
        ({"jobs_at_once": 0}, "jobs_at_once must be at least 1"),
        ({"retries": -1}, "retries must not be negative, not -1."),
        ({"max_hours": 0.0}, "max_hours must be positive, not 0.0."),
        ({"precision": {"half_width": 2.0}}, r"half_width must lie between 0 and 0.5 \(shares, not percent\), not 2.0"),
        ({"precision": {"half_width": 0.1, "tuned_for": 0.9}}, "precision.tuned_for must lie between 0 and 0.5"),
        ({"precision": {"half_width": 0.1, "alpha": 5.0}}, "precision.alpha must lie between 0 and 1, not 5.0"),
        ({"precision": {"half_width": 0.1, "watched": []}}, "precision.watched: name an outcome, or null for all."),
        (
            {"precision": {"half_width": 0.1, "watched": ["intakt"]}},
            r"precision.watched: \['intakt'\] is no outcome of this catalogue. Known: .*on_top CC, .*undecided",
        ),
        ({"precision": {"width": 0.1}}, "gun.precision: unknown key 'width'"),
        ({"first_shot": -1}, "first_shot must not be negative"),
        ({"fixed_layers": 0}, "a slab without a fixed layer drifts"),
        ({"seed": -5}, r"seed must lie in \[0, 2\^63\)"),
        ({"equilibrate": {"temperature": 0}}, "temperature must be positive"),
        ({"equilibrate": {"device": "cpu"}}, "equilibrate.device is the campaign's own"),
        ({"decision": {"leave_height": 12.0}}, "aim.height .* must exceed decision.leave_height"),
        ({"decision": {"max_drift": 0.01}}, "decision.max_drift is 0.01 meV/atom/ps, and dynamics.precision is mixed"),
        ({"velocity": {"recipe": "beam", "kinetic_energy": 0.0}}, "kinetic_energy .* must be positive for a beam"),
        ({"velocity": {"recipe": "beam", "kinetic_energy": -1.0}}, "kinetic_energy .* must be positive for a beam"),
        ({"dynamics": {"evaluator": "lammps"}}, "gun.dynamics.evaluator: 'lammps' is not one of auto, torch"),
        ({"output": {"path_every_fs": 0}}, "output.path_every_fs must be positive"),
        ({"output": {"trajectories": "all"}}, "gun.output.trajectories: a list is needed, not str"),
        ({"chemistry": {"groups": [], "catalogue": []}}, "name at least one reactive group"),
        (
            {"chemistry": {**chemistry(), "catalogue": chemistry()["catalogue"][:-1]}},
            "the last mode must have no conditions",
        ),
    ],
)
def test_a_campaign_that_cannot_be(changes: dict[str, Any], sentence: str) -> None:
    with pytest.raises(RefusedError, match=sentence):
        campaign(**changes)


def test_a_good_system_passes() -> None:
    assert check_system(campaign(), slab_atoms(), acetylene(), 5.0) is None  # type: ignore[func-returns-value]


def refused(parameters: GunParameters, **changes: Any) -> str:
    given = {"slab": slab_atoms(), "molecule": acetylene(), "r_max": 5.0} | changes
    with pytest.raises(RefusedError) as caught:
        check_system(parameters, given["slab"], given["molecule"], given["r_max"])
    return str(caught.value)


def test_a_molecule_that_would_start_in_the_slab() -> None:
    low = campaign(aim={"height": 1.0}, decision={"early": False})
    assert refused(low).startswith("aim.height is 1.0 Å and the molecule reaches 1.7 Å below its centre of mass")
    near = refused(campaign(aim={"height": 2.0}, decision={"early": False}))
    assert near.endswith("Å apart; raise aim.height.")
    assert "of the molecule and" in near


def test_a_cell_too_narrow_for_the_models_cutoff() -> None:
    sentence = refused(campaign(min_image_gap=None))
    assert sentence.startswith("the cell is too narrow: it repeats every 7.7 Å and the molecule is 3.3 Å long")
    assert sentence.endswith("5.0 Å are needed. Repeat the slab along x and y.")
    wide = slab_atoms().repeat((2, 2, 1))
    check_system(campaign(min_image_gap=None), wide, acetylene(), 5.0)


def test_more_fixed_layers_than_the_slab_has() -> None:
    slab = slab_atoms()
    layers = analyse(slab.numbers, slab.positions, slab.cell.array, slab.pbc).n_layers
    for fixed in (layers, layers + 5):
        sentence = refused(campaign(fixed_layers=fixed))
        assert sentence == f"fixed_layers is {fixed}, and the slab has {layers} layers: none would move."
    check_system(campaign(fixed_layers=layers - 1), slab, acetylene(), 5.0)


@pytest.mark.parametrize("atom", [4, -1, 100])
def test_a_group_atom_that_the_molecule_lacks(atom: int) -> None:
    groups = {"groups": [{"name": "CC", "atoms": [0, atom]}]}
    sentence = refused(campaign(chemistry={**chemistry(), **groups}))
    assert sentence == f"the group 'CC' names atom [{atom}]; the molecule's atoms are 0 to 3."


def test_a_vacuum_too_small() -> None:
    low = slab_atoms(18.0)
    sentence = refused(campaign(), slab=low)
    assert sentence.startswith(
        "the vacuum is too small: the molecule starts 2.6 Å below the slab's next periodic image, 5.0"
    )
    assert "Lengthen the cell by 2.4 Å along z, lower aim.height, or switch periodicity along z off." in sentence
    check_system(campaign(), slab_atoms(18.0 + 2.5), acetylene(), 5.0)
    assert "9.0 Å are needed" in refused(campaign(min_vacuum=9.0), slab=low)
    assert "5.0 Å are needed" in refused(campaign(min_vacuum=1.0), slab=low)  # the model would feel the image
    low.pbc = (True, True, False)
    check_system(campaign(min_vacuum=9.0), low, acetylene(), 5.0)


def test_a_height_that_is_found() -> None:
    """Just outside r_max: 5.0 + 0.5 Å, C2H2's 1.7 Å, and 0.35 Å of the buckled dimers; so much room is needed above."""
    found = campaign(aim={"height": None}, decision={"leave_height": None})
    check_system(found, slab_atoms(30.0), acetylene(), 5.0)
    assert "the vacuum is too small" in refused(found, slab=slab_atoms(18.0))
    sentence = refused(campaign(aim={"height": None}, decision={"leave_height": 9.0}))
    assert sentence.startswith(
        "decision.leave_height is 9 Å, and shots start 7.5 Å high, just outside the model's r_max"
    )


@pytest.mark.parametrize(
    ("changes", "sentence"),
    [
        ({"dynamics": {"timestep_fs": 2.0}}, "dynamics.timestep_fs is 2 fs, too long for H"),
        ({"equilibrate": {"timestep_fs": 1.5}}, "equilibrate.timestep_fs is 1.5 fs, too long for H"),
        (
            {"dynamics": {"timestep_fs": 1.0}, "velocity": {"recipe": "beam", "kinetic_energy": 20.0}},
            "dynamics.timestep_fs is 1 fs, in which H moves 0.15 Å (300 K and the impact make 0.149 Å/fs)",
        ),
    ],
)
def test_time_steps_too_long(changes: dict[str, Any], sentence: str) -> None:
    assert refused(campaign(**changes)).startswith(sentence)


def test_atoms_without_a_mass_of_their_own() -> None:
    ghost, heavy, nothing = acetylene(), acetylene(), acetylene()
    ghost.numbers[3] = 0
    assert refused(campaign(), molecule=ghost).startswith("the molecule: atom 3 is no element (atomic number 0)")
    heavy.set_masses([12.011, 12.011, 2.014, 1.008])
    sentence = refused(campaign(), molecule=heavy)
    assert sentence.startswith("the molecule: atom 2 (H) has the mass 2.014 u; shots use the standard one, 1.008 u.")
    for mass in (0.0, -1.0, float("nan")):
        nothing.set_masses([mass, 12.011, 1.008, 1.008])
        assert "atom 0 (C) has the mass" in refused(campaign(), molecule=nothing)


def test_two_molecules_at_once() -> None:
    pair = acetylene()
    other = pair.copy()
    other.positions += np.array([3.0, 0, 0])
    assert "made of 2 fragments" in refused(campaign(aim={"height": 9.5}, min_image_gap=1.0), molecule=pair + other)


def test_the_cell_of_the_molecule_does_not_matter() -> None:
    moved = acetylene()
    moved.positions += np.array([50.0, -3.0, 11.0])
    check_system(replace(campaign(), n_shots=1), slab_atoms(), moved, 5.0)
    assert refused(campaign(aim={"height": 1.0}, decision={"early": False}), molecule=moved).startswith("aim.height")


def test_a_campaign_of_a_million_batches_is_checked_at_once() -> None:
    start = time.perf_counter()
    campaign(n_shots=10_000_000, shots_per_job=10)
    assert time.perf_counter() - start < 1.0
