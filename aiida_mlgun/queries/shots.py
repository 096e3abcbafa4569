"""Shots of all campaigns in the profile as one table: one row per shot that was flown.

A shot counts once.  Where two tables of one campaign hold the same shot (a job that was cut off and the one that went
on), the table that the campaign returned is taken, else the newest.  Tables of equal content and model (results taken
from AiiDA's cache) are shown with the campaign that flew them, unless another campaign is asked for by name.
Judgements by another catalogue are shown as ``judged`` says.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, fields
from datetime import datetime
from typing import Any, Final, Literal, get_args

import pandas as pd
from aiida import orm

from ..contract.strict import require
from ..data.shot_columns import QUERYABLE
from ..data.shots import COLUMNS, ShotsData
from .batches import Batch, all_batches, among, node_of, reported_by, returned_by_campaigns
from .facts import BATCH_COLUMNS, MODEL_COLUMNS, catalogues_of, facts_of, models_named
from .moments import moment
from .shot_rows import rows_of

Judged = Literal["latest", "first", "all"]
#: Columns of the table, in their order.
DEFAULT: Final = (*BATCH_COLUMNS[:3], *QUERYABLE, *BATCH_COLUMNS[3:], *MODEL_COLUMNS)
#: A column that is there if it is asked for, or if ``all`` judgements are.
CATALOGUE: Final = "catalogue"


@dataclass(frozen=True)
class ShotsQuery:
    """Which shots are wanted; what is left empty is no condition.

    :param mode: outcomes in full (``on_top CC0``) or modes, for all their groups (``on_top``); any of them.
    :param model: PK, UUID, label, name or beginning of the content hash (eight letters or more) of the model.
    :param since, until: when the batch was flown: a datetime, a date such as ``2026-05-01``, or an age such as ``7d``.
    :param slab, molecule: PK, UUID, label or formula of the structure that was shot at, or shot.
    :param campaign: PKs or UUIDs of workflows or jobs; any of them.  What a campaign took over from an earlier one is
        its own too.
    :param energy_min, energy_max: eV, of the molecule's centre of mass at the start.
    :param judged: ``latest`` judgement of each shot, the ``first`` one, that of the dynamics, or ``all``.
    :raises RefusedError: when a value cannot be meant.
    """

    mode: tuple[str, ...] = ()
    model: str | int | None = None
    since: str | datetime | None = None
    until: str | datetime | None = None
    slab: str | int | None = None
    molecule: str | int | None = None
    campaign: tuple[str | int, ...] = ()
    energy_min: float | None = None
    energy_max: float | None = None
    judged: Judged = "latest"

    def __post_init__(self) -> None:
        for name in ("mode", "campaign"):
            object.__setattr__(self, name, _tuple(getattr(self, name)))
        require(
            self.judged in get_args(Judged), f"judged is one of {', '.join(get_args(Judged))}, not {self.judged!r}."
        )
        low, high = self.energy_min, self.energy_max
        require(low is None or high is None or low <= high, f"energy_min {low} eV is above energy_max {high} eV.")

    def frame(self, columns: Sequence[str] = ()) -> pd.DataFrame:
        """One row per shot, sorted by campaign and shot number; units: fs, eV, K.

        ``campaign`` is the outermost process that flew the shot, ``judged_by`` the one that named its outcome; PKs.

        :param columns: further ones: ``catalogue``, the first letters of a hash over the chemistry that named the
            outcomes, and those of :data:`~aiida_mlgun.data.shots.COLUMNS`, for which the batches' files are opened.
        :raises RefusedError: when a column, the model or a campaign is unknown.
        """
        known = dict.fromkeys((CATALOGUE, *COLUMNS))
        extra = tuple(dict.fromkeys(name for name in columns if name not in (*DEFAULT, CATALOGUE)))
        for name in extra:
            require(name in known, f"shots have no further column {name!r}. Known: {', '.join(known)}.")
        chosen = self._batches()
        facts = facts_of(chosen)
        kept = _once([batch for batch in chosen if self._fits(facts[batch.pk])], facts)
        hashed = [CATALOGUE] if self.judged == "all" or CATALOGUE in columns else []
        if hashed:
            catalogues = catalogues_of(kept)
            facts = {batch.pk: facts[batch.pk] | {CATALOGUE: catalogues.get(batch.pk)} for batch in kept}
        table = rows_of(kept, facts, [*BATCH_COLUMNS, *MODEL_COLUMNS, *hashed], extra)
        table = self._shots(_first_of_each(table, self.judged))
        return table[[*DEFAULT, *hashed, *extra]].reset_index(drop=True)

    def _batches(self) -> list[Batch]:
        """The batches that may hold such shots, by what is known without opening them."""
        found = all_batches()
        if self.judged == "first":
            found = [batch for batch in found if batch.pk == batch.flown]
        if self.model is not None:
            made = _made_with(models_named(str(self.model)))
            found = [batch for batch in found if batch.flown in made]
        since, until = moment(self.since, "since"), moment(self.until, "until")
        found = [batch for batch in found if (since is None or batch.created >= since)]
        found = [batch for batch in found if (until is None or batch.created <= until)]
        if self.campaign:
            nodes = [node_of(text, orm.ProcessNode, "campaign") for text in self.campaign]
            asked = [node.pk for node in nodes if node.pk is not None]
            listed = {pk for process in asked for pk in reported_by(process)}
            found = [batch for batch in found if {batch.pk, batch.flown} & listed or set(asked) & set(batch.processes)]
        return found

    def _fits(self, facts: dict[str, Any]) -> bool:
        for what in ("slab", "molecule"):
            asked = getattr(self, what)
            if asked is not None and str(asked) not in facts[f"{what}_names"]:
                return False
        return True

    def _shots(self, table: pd.DataFrame) -> pd.DataFrame:
        if self.mode:
            outcome = table["outcome"]
            table = table[outcome.isin(self.mode) | outcome.str.split(" ", n=1).str[0].isin(self.mode)]
        if self.energy_min is not None:
            table = table[table["kinetic_energy_in"] >= self.energy_min]
        if self.energy_max is not None:
            table = table[table["kinetic_energy_in"] <= self.energy_max]
        return table


def query_shots(columns: Sequence[str] = (), **conditions: Any) -> pd.DataFrame:
    """Shots of all campaigns in the profile, one row each: ``query_shots(mode="on_top", model="my-model")``.

    :param columns: see :meth:`ShotsQuery.frame`; conditions: the fields of :class:`ShotsQuery`.
    :raises RefusedError: when a condition is unknown or cannot be meant.
    """
    known = [field.name for field in fields(ShotsQuery)]
    unknown = sorted(set(conditions) - set(known))
    require(not unknown, f"{''.join(unknown[:1])!r} is no condition on shots. Known: {', '.join(known)}.")
    return ShotsQuery(**conditions).frame(columns)


def _tuple(value: Any) -> tuple[Any, ...]:
    return (value,) if isinstance(value, str | int) else tuple(value or ())


def _made_with(models: Iterable[int]) -> set[int]:
    """PKs of the batches whose job took one of these models."""
    query = orm.QueryBuilder().append(orm.Data, filters=among(models), tag="model")
    query.append(orm.ProcessNode, with_incoming="model", edge_filters={"label": "model"}, tag="job")
    query.append(ShotsData, with_incoming="job", edge_filters={"type": "create"}, project="id")
    return set(query.all(flat=True))


def _once(batches: Sequence[Batch], facts: dict[int, dict[str, Any]]) -> list[Batch]:
    """Without those that hold what an earlier one holds, as results from the cache do."""
    seen: dict[tuple[str, Any], Batch] = {}
    for batch in batches:
        seen.setdefault((batch.content_hash, facts[batch.pk]["model_hash"]), batch)
    return list(seen.values())


def _first_of_each(table: pd.DataFrame, judged: Judged) -> pd.DataFrame:
    """One row per shot of a campaign and, if ``all`` are wanted, per judgement."""
    returned = table["batch"].isin(returned_by_campaigns())
    table = table.assign(_later=table["batch"] != table["_flown"], _returned=returned)
    table = table.sort_values(["campaign", "shot", "_later", "_returned", "batch"], kind="stable")
    key = ["_owner", "shot", *([CATALOGUE, "_later"] if judged == "all" else [])]
    return table.drop_duplicates(key, keep="last")
