"""Shots of the whole profile as a table: every shot once, with campaign and model, by any condition."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

import numpy as np
import pytest
from aiida import orm

import aiida_mlgun
from aiida_mlgun import query_shots
from aiida_mlgun.contract.errors import RefusedError
from aiida_mlgun.data.shot_columns import QUERYABLE, ROUNDED
from aiida_mlgun.data.shots import ShotsData
from aiida_mlgun.data.tallied import all_tables, tables_of
from aiida_mlgun.workflows.functions.campaign import count_shots
from tests.campaigns import Stored, campaign, give, hand_out, process, reclassify, trained_model
from tests.nodes import chemistry, shot_arrays

TWICE = 2 * ["on_top CC", "on_top CC", "intact"]


@dataclass(frozen=True)
class Profile:
    """Two campaigns of one content each, with models of their own, and a clone of the first."""

    one: Stored
    other: Stored
    clone: Stored


@pytest.fixture(scope="module")
def profile(aiida_profile: Any) -> Profile:
    aiida_profile.reset_storage()
    model = trained_model()
    one = campaign(model=model)
    other = campaign([{"shots": (0, 1, 2), "drift": 0.02, "cut_off": (0, 1)}], trained_model("other"), 600.0)
    return Profile(one, other, campaign(model=model))


def test_every_shot_is_a_row_with_what_it_came_from(profile: Profile) -> None:
    found, here = query_shots(), profile.one
    assert found["shot"].tolist() == [0, 1, 2, 3, 4, 5, 0, 1, 2]
    assert found["outcome"].tolist() == [*TWICE, "on_top CC", "on_top CC", "intact"]
    assert found["campaign"].tolist() == 6 * [here.gun.pk] + 3 * [profile.other.gun.pk]
    assert found["campaign_uuid"].unique().tolist() == [here.gun.uuid, profile.other.gun.uuid]
    assert found["batch"].tolist()[:6] == 3 * [here.batches[0].pk] + 3 * [here.batches[1].pk]
    assert found["seed"].tolist()[:6] == [900 + i for i in range(6)]
    assert found["temperature"].tolist() == 6 * [300.0] + 3 * [600.0]
    row = found.iloc[0]
    assert (row["model"], row["model_pk"], row["model_uuid"]) == ("fine", here.model.pk, here.model.uuid)
    assert row["model_hash"] == here.model.content_hash
    assert (row["slab"], row["molecule"], row["campaign_seed"]) == ("Si(001)", "C2H2", 24)
    assert row["created"] == here.batches[0].ctime
    assert row["judged_by"] == here.batches[0].creator.pk
    assert not found.isna().any().any()


def test_a_shot_of_a_job_that_was_cut_off_counts_once(profile: Profile) -> None:
    here = profile.other
    assert len(here.gun.called[1].called) == 2
    found = query_shots(campaign=here.gun.pk)
    assert found["shot"].tolist() == [0, 1, 2] and set(found["batch"]) == {here.batches[0].pk}


def test_equal_content_of_one_model_counts_once_unless_asked_for_by_name(profile: Profile) -> None:
    assert profile.clone.gun.pk not in set(query_shots()["campaign"])
    named = query_shots(campaign=profile.clone.gun.pk)
    assert set(named["campaign"]) == {profile.clone.gun.pk} and len(named) == 6


def test_the_columns_of_the_database_are_those_of_the_files(profile: Profile) -> None:
    table = query_shots(campaign=profile.one.gun.pk)
    exact = profile.one.batches[0].to_pandas()
    for name in QUERYABLE:
        mine, theirs = table[name][:3], exact[name]
        if name in ROUNDED:
            np.testing.assert_allclose(mine, theirs, rtol=0, atol=0.5001 * 10.0 ** -ROUNDED[name])
        else:
            assert mine.tolist() == theirs.tolist(), name


def test_further_columns_come_from_the_files(profile: Profile) -> None:
    found = query_shots(["drift", "reason", "catalogue"])
    assert found["drift"].tolist() == [0.01] * 6 + [0.02] * 3 and found["reason"][0] == "bonds Si0-C0"
    assert found["catalogue"].nunique() == 1 and found["catalogue"].str.len().eq(8).all()
    with pytest.raises(RefusedError, match=r"no further column 'mass'\. Known: catalogue, shot, seed"):
        query_shots(["mass"])


def test_conditions_on_outcome_and_energy(profile: Profile) -> None:
    campaign = profile.one.gun.pk
    assert query_shots(mode="on_top", campaign=campaign)["shot"].tolist() == [0, 1, 3, 4]
    assert query_shots(mode="on_top CC", campaign=campaign)["shot"].tolist() == [0, 1, 3, 4]
    assert query_shots(mode=("intact", "bridge"), campaign=campaign)["shot"].tolist() == [2, 5]
    assert len(query_shots(mode="on_to")) == len(query_shots(mode="CC")) == 0
    energy = query_shots()["kinetic_energy_in"]
    assert len(query_shots(energy_min=energy.max())) == (energy == energy.max()).sum() > 0
    assert len(query_shots(energy_min=energy.max() + 1e-3)) == len(query_shots(energy_max=energy.min() - 1e-3)) == 0


def test_conditions_on_model_structures_and_campaign(profile: Profile) -> None:
    one, other = profile.one, profile.other
    for name in (other.model.pk, other.model.uuid, "other", other.model.content_hash[:8], other.model.uuid[:8]):
        assert set(query_shots(model=name)["campaign"]) == {other.gun.pk}
    for name in (one.gun.pk, one.gun.uuid, one.gun.uuid[:8]):
        assert set(query_shots(campaign=name)["campaign"]) == {one.gun.pk}
    assert set(query_shots(campaign=(one.gun.pk, other.gun.pk))["campaign"]) == {one.gun.pk, other.gun.pk}
    assert query_shots(campaign=one.batches[1].creator.pk)["shot"].tolist() == [3, 4, 5]
    assert len(query_shots(slab="Si(001)", molecule="C2H2")) == 9
    assert len(query_shots(slab=one.gun.inputs.slab.pk)) == 6
    assert len(query_shots(molecule="C2H4")) == 0


def test_conditions_on_time(profile: Profile) -> None:
    made = profile.one.batches[0].ctime
    assert len(query_shots(since="1d")) == len(query_shots(since=made - timedelta(minutes=1))) == 9
    assert len(query_shots(since=datetime.now().astimezone() + timedelta(hours=1))) == 0
    assert len(query_shots(until="1d")) == len(query_shots(since="2090-01-01")) == 0
    with pytest.raises(RefusedError, match="since: 'yesterday' is no time"):
        query_shots(since="yesterday")


@pytest.mark.parametrize(
    ("conditions", "words"),
    [
        ({"modes": "on_top"}, "'modes' is no condition on shots. Known: mode, model"),
        ({"model": "nobody"}, "there is no model 'nobody'. Known: fine, other, parent"),
        ({"model": "%"}, "there is no model '%'"),
        ({"campaign": 999999}, "campaign 999999: give the PK or the UUID of one; there is none"),
        ({"campaign": "%"}, "campaign %: give the PK or the UUID of one; there is none"),
        ({"judged": "newest"}, "judged is one of latest, first, all"),
        ({"energy_min": 2.0, "energy_max": 1.0}, "energy_min 2.0 eV is above energy_max 1.0 eV"),
    ],
)
def test_refusals(profile: Profile, conditions: dict[str, Any], words: str) -> None:
    with pytest.raises(RefusedError, match=words):
        query_shots(**conditions)


@pytest.mark.usefixtures("aiida_profile_clean")
def test_an_empty_profile_gives_an_empty_table() -> None:
    found = query_shots()
    assert len(found) == 0 and {"campaign", "outcome", "model"} <= set(found.columns)
    assert len(query_shots(["drift"], mode="on_top", judged="all")) == 0


@pytest.mark.usefixtures("aiida_profile_clean")
def test_what_is_not_known_is_empty_and_what_is_not_in_the_database_is_read() -> None:
    arrays = shot_arrays((0, 1))
    arrays["bond_fs"][1] = np.nan
    arrays["group"][:] = "NA"  # a name, not a missing value
    first = ShotsData(arrays).store()
    assert (
        first.base.attributes.get("per_shot").splitlines()[1]
        == "0,900,on_top CC,NA,on_top,settled,8.,12.,20.,0.004048,0,1"
    )
    second = ShotsData(shot_arrays((2, 3)))
    before = second.content_hash
    second.base.attributes.delete("per_shot")
    second.store()
    assert second.content_hash == before
    found = query_shots()
    assert found["bond_fs"].isna().tolist() == [False, True, False, False]
    assert found["group"].tolist() == ["NA", "NA", "CC", "CC"]
    assert found[["campaign", "model", "judged_by", "temperature"]].isna().all().all()


@pytest.mark.usefixtures("aiida_profile_clean")
def test_judgements_runs_by_hand_and_what_a_campaign_took_over() -> None:
    here = campaign([{"shots": (0, 1, 2)}, {"shots": (3, 4, 5)}], seal=False)
    judged = reclassify(here.batches[0], orm.Dict({**chemistry(), "bonds": {"make": 1.2}}))
    latest = query_shots()
    assert latest["outcome"].tolist() == ["other"] * 3 + TWICE[:3]
    assert set(latest["campaign"]) == {here.gun.pk} and set(latest["model"]) == {"fine"}
    assert latest["judged_by"].tolist()[:3] == [judged.creator.pk] * 3
    assert query_shots(judged="first")["outcome"].tolist() == TWICE
    both = query_shots(judged="all")
    assert both["shot"].tolist() == [0, 0, 1, 1, 2, 2, 3, 4, 5]
    assert both["catalogue"].nunique() == 2 and both["catalogue"].notna().all()
    assert query_shots(mode="other", campaign=here.gun.pk)["shot"].tolist() == [0, 1, 2]
    assert query_shots(mode="intact")["shot"].tolist() == [5]

    job = here.batches[0].creator
    names = ("model", "parameters", "slab_states", "molecule_states")
    alone = process(orm.CalcJobNode, "ShootCalculation", {name: job.inputs[name] for name in names})
    by_hand = ShotsData(shot_arrays((7, 8), drift=0.03))
    give(alone, shots=by_hand)
    found = query_shots(campaign=alone.pk)
    assert (found["slab"].tolist(), found["molecule"].tolist()) == (["Si(001)"] * 2, ["C2H2"] * 2)

    longer = process(orm.WorkChainNode, "GunWorkChain", {"previous__batch_0001": here.batches[1]})
    hand_out(longer, shots__batch_0002=by_hand)
    assert query_shots(campaign=longer.pk)["shot"].tolist() == [3, 4, 5, 7, 8]


@pytest.mark.usefixtures("aiida_profile_clean")
def test_shots_that_a_campaign_extends_are_found_under_both() -> None:
    here = campaign([{"shots": (0, 1, 2)}, {"shots": (3, 4, 5)}], seal=False)
    about = orm.Dict({})
    before = count_shots(about, batch_0000=here.batches[0])
    tally = count_shots(about, before=before, batch_0001=here.batches[1])
    assert [table.pk for table in all_tables(tally)] == [table.pk for table in here.batches]
    assert list(tables_of(tally)) == ["batch_0000", "batch_0001"] and list(tables_of(tally, before)) == ["batch_0001"]
    assert all_tables(None) == [] and tables_of(before, before) == {}
    longer = process(orm.WorkChainNode, "GunWorkChain", {"previous": tally})
    assert query_shots(campaign=longer.pk)["shot"].tolist() == [0, 1, 2, 3, 4, 5]
    assert set(query_shots(campaign=longer.pk)["campaign"]) == {here.gun.pk}


def test_the_package_offers_it_without_loading_aiida_before() -> None:
    assert {"query_shots", "ShotsQuery", "trace"} <= set(dir(aiida_mlgun))
    with pytest.raises(AttributeError, match="has no attribute 'query_shoots'"):
        _ = aiida_mlgun.query_shoots
