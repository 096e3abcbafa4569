from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any

import pytest
from aiida import orm
from click.testing import Result

import aiida_mlgun.cli.harvest  # noqa: F401  registers the command
from aiida_mlgun.data.frames import FramesData
from tests.harvest_nodes import PW, pw

Run = Callable[..., Result]
Refusal = Callable[..., str]


@pytest.fixture(autouse=True)
def profile(aiida_profile_clean: Any) -> None:
    pass


def test_what_was_found_where(run: Run) -> None:
    first, second = pw(), pw(late=True)
    result = run("dataset", "from-nodes", first.pk, second.uuid, "--stratum", "molecule", "--label", "mine")
    assert result.exit_code == 0, result.output
    for words in (
        f"PwCalculation<{first.pk}>",
        "pw.x",
        first.uuid.split("-")[0],
        "PBE+grimme-d3",
        "energy from output_trajectory.energy, forces from output_trajectory.forces",
        f"PwCalculation<{second.pk}>: geometries were stored one step late: put back",
    ):
        assert words in result.output
    found = re.search(r"FramesData<(\d+)>: 10 frames of H C", result.output)
    assert found
    node = orm.load_node(int(found[1]))
    assert (node.label, node.base.attributes.get("strata")) == ("mine", {"molecule": 10})
    assert node.frames().energy[:5] == pytest.approx(PW["energy"], abs=1e-5)
    again = run("dataset", "from-nodes", first.pk, second.pk, "--stratum", "molecule")
    assert f"FramesData<{node.pk}> holds exactly these 10 frames already; nothing was stored." in again.output
    assert orm.QueryBuilder().append(FramesData).count() == 1


def test_a_group(run: Run) -> None:
    orm.Group("reference").store().add_nodes([pw(), pw()])
    assert "10 frames of H C" in run("dataset", "from-nodes", "--group", "reference").output


def test_failed_calculations_are_refused_or_left_out(run: Run, refusal: Refusal) -> None:
    good, failed, blind = pw(), pw(exit_status=410), pw(forces=None)
    sentence = refusal("dataset", "from-nodes", good.pk, failed.pk)
    assert sentence == (
        f"1 cannot be taken: PwCalculation<{failed.pk}> failed with exit code 410: something broke. "
        "Leave them out, or say --skip-failed."
    )
    assert refusal("dataset", "from-nodes", good.pk, blind.pk).startswith(
        f"PwCalculation<{blind.pk}>: output_trajectory has no forces; set tprnfor"
    )
    assert orm.QueryBuilder().append(orm.CalcFunctionNode).count() == 0
    result = run("dataset", "from-nodes", good.pk, failed.pk, blind.pk, "--skip-failed")
    assert result.exit_code == 0, result.output
    assert f"left out: PwCalculation<{failed.pk}>: failed with exit code 410: something broke" in result.output
    assert f"left out: PwCalculation<{blind.pk}>: output_trajectory has no forces" in result.output
    assert "5 frames of H C" in result.output
    taken = run("dataset", "from-nodes", failed.pk, "--accept-exit-code", 410)
    assert "5 frames of H C" in taken.output


def test_wrong_words(refusal: Refusal) -> None:
    assert refusal("dataset", "from-nodes").startswith("name the nodes (PK or UUID)")
    assert refusal("dataset", "from-nodes", 99999) == "there is no node 99999."
    assert refusal("dataset", "from-nodes", "--group", "nothing") == "there is no group 'nothing'."
    failed = pw(exit_status=410)
    assert "1 cannot be taken" in refusal("dataset", "from-nodes", failed.pk)
