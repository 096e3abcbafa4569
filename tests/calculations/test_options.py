"""What a scheduler option may hold: nothing that the submit script would read as something else."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from aiida import orm
from aiida.plugins import WorkflowFactory

from aiida_mlgun.calculations.options import check_options
from aiida_mlgun.contract.errors import RefusedError
from aiida_mlgun.data.model import ModelData
from tests.nodes import instantiate, model_contents

HOSTILE: list[dict[str, Any]] = [
    {"account": "a b"},
    {"account": 12},
    {"account": "a\n#SBATCH --exclusive"},
    {"account": "$(reboot)"},
    {"queue_name": "q\n#SBATCH -A x"},
    {"queue_name": "q;reboot"},
    {"queue_name": "q\n"},
    {"qos": ""},
    {"qos": "`reboot`"},
    {"priority": "1 --wrap=reboot"},
    {"scheduler_stdout": "../../.bashrc"},
    {"scheduler_stderr": "/etc/passwd"},
    {"output_filename": ".."},
    {"submit_script_filename": "a\nb"},
    {"custom_scheduler_commands": "#SBATCH --gres=gpu:1\nrm -r ."},
    {"custom_scheduler_commands": "#SBATCH -p x\u2028reboot"},
    {"max_wallclock_seconds": 0},
    {"max_wallclock_seconds": "1:00"},
    {"max_wallclock_seconds": True},
    {"max_memory_kb": -1},
    {"environment_variables": {"A;reboot;B": "1"}},
    {"environment_variables": {"A B": "1"}},
    {"environment_variables": {"": "1"}},
    {"environment_variables": {"A": "1\nreboot"}},
    {"environment_variables": ["A=1"]},
    {"resources": {"parallel_env": "mpi\n#$ -q all", "tot_num_mpiprocs": 1}},
    {"resources": "--exclusive"},
]


@pytest.mark.parametrize("options", HOSTILE, ids=repr)
def test_what_would_not_survive_the_submit_script_is_refused_by_name(options: dict[str, Any]) -> None:
    with pytest.raises(RefusedError, match=next(iter(options))) as caught:
        check_options(options)
    assert "\n" not in str(caught.value)


def test_what_people_write_passes() -> None:
    check_options(
        {
            "account": "p_1-2@site",
            "queue_name": "gpu:a100/long",
            "environment_variables": {"OMP_NUM_THREADS": 4, "PATH_TO": "/a b/$c;d"},
            "custom_scheduler_commands": "#SBATCH --gres=gpu:1\n#SBATCH --mail-user=a@b.org",
            "resources": {"num_machines": 1, "num_mpiprocs_per_machine": 1},
            "max_wallclock_seconds": 60,
            "prepend_text": "module load cuda\n",
        }
    )


@pytest.fixture
def code(aiida_code_installed: Callable[..., orm.InstalledCode]) -> orm.InstalledCode:
    return aiida_code_installed(filepath_executable="bash")


@pytest.mark.parametrize("options", HOSTILE[:3] + HOSTILE[-8:-2], ids=repr)
def test_jobs_and_workflows_refuse_before_submission(options: dict[str, Any], code: orm.InstalledCode) -> None:
    with pytest.raises(ValueError, match=next(iter(options))):
        instantiate("mlgun.probe", code=code, metadata={"options": options})
    workflow = WorkflowFactory("mlgun.shoot").get_builder()
    with pytest.raises(ValueError, match=next(iter(options))):
        workflow.options = orm.Dict(options)


def test_resources_are_looked_at_as_for_every_calculation(code: orm.InstalledCode) -> None:
    """The package's own checks stand beside AiiDA's, not in their place."""
    options = {"resources": {"num_machines": 0}}
    with pytest.raises(ValueError, match="not valid for the"):
        instantiate("mlgun.export", code=code, model=ModelData(model_contents()), metadata={"options": options})
