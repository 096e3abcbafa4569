"""A batch of shots through a real daemon, with time for one segment of steps per job: it ends with all its shots."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path

import pytest

from .shell import ask, daemon

pytestmark = pytest.mark.daemon


@pytest.fixture(scope="module")
def profile(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """A folder with a profile, the code ``mlgun`` on this computer, and a daemon."""
    with daemon(tmp_path_factory.mktemp("shots"), "shots") as folder:
        yield folder


SHOOT = """
import json, time
import ase.io
import numpy as np
from aiida.engine import submit
from ase import Atoms
from ase.build import molecule
from aiida_mlgun import assets
from aiida_mlgun.contract.files import MODEL_FILES
from aiida_mlgun.contract.strict import dump
from aiida_mlgun.data.frames import FramesData
from aiida_mlgun.data.model import ModelData
from aiida_mlgun.science.frames import from_atoms
from aiida_mlgun.science.outcomes import load_catalogue
from aiida_mlgun.workflows.shoot import ShootWorkChain

def states(atoms):
    image = Atoms(atoms.numbers, atoms.positions, cell=atoms.cell, pbc=(True, True, False))
    image.arrays["velocities_A_fs"] = np.zeros((len(image), 3))
    return FramesData(from_atoms([image]))

with assets.FOLDER.joinpath("data", "si001_2x2.extxyz").open() as handle:
    slab = ase.io.read(handle, format="extxyz")
folder = assets.shipped_models()[assets.COMPACT_MODEL]
parameters = dict(
    n_shots=3, seed=5, max_seconds=1e-3, device="cpu",
    chemistry=dict(groups=[dict(name="CC", atoms=[0, 1])], catalogue=dump(load_catalogue())),
    aim=dict(height=7.0), velocity=dict(recipe="beam", kinetic_energy=1.0),
    decision=dict(early=False, max_unresolved=1.0, max_drift=100.0),
    dynamics=dict(max_steps=20, check_every=20, batch_size=2, evaluator="torch", threads=1),
)
chain = submit(
    ShootWorkChain, code=orm.load_code("mlgun"), model=ModelData({n: (folder / n).read_bytes() for n in MODEL_FILES}),
    slab_states=states(slab), molecule_states=states(molecule("C2H2")), parameters=orm.Dict(parameters),
)
end = time.monotonic() + 500
while not chain.is_terminated and time.monotonic() < end:
    time.sleep(0.5)
jobs = sorted(chain.called, key=lambda job: job.pk)
print(json.dumps(dict(
    status=chain.exit_status, message=chain.exit_message, ends=[job.exit_status for job in jobs],
    shots=[job.outputs.shots.base.attributes.get("shots") for job in jobs],
    whole=chain.outputs.shots.base.attributes.get("shots"), checkpoint="checkpoint" in chain.outputs,
    reports=[log.message for log in orm.Log.collection.get_logs_for(chain)],
    marks=[job.outputs.checkpoint.base.attributes.get("steps") for job in jobs if "checkpoint" in job.outputs],
    leftovers="checkpoint" in jobs[-1].outputs.retrieved.base.repository.list_object_names(),
)))
"""


def test_a_batch_that_is_cut_off_by_its_time_ends_with_all_its_shots(profile: Path) -> None:
    found = json.loads(ask(profile, SHOOT))
    assert (found["status"], found["ends"]) == (0, [410, 0]), found
    assert found["shots"] == [[0, 1], [0, 1, 2]] and found["whole"] == [0, 1, 2]
    assert (found["marks"], found["checkpoint"], found["leftovers"]) == ([40], False, False)
    assert any("Goes on from its checkpoint after 40 steps." in line for line in found["reports"])
