"""Batches of shots as rows of a table."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Final

import numpy as np
import pandas as pd
from aiida import orm

from ..data.shot_columns import HEAD, from_texts, to_text
from ..data.shots import ShotsData
from .batches import Batch, among

#: Whole numbers that a batch may lack.
_MAYBE_WHOLE: Final = ("campaign", "campaign_seed", "judged_by", "model_pk")


def rows_of(
    batches: Sequence[Batch], facts: Mapping[int, Mapping[str, Any]], shared: Sequence[str], extra: Sequence[str]
) -> pd.DataFrame:
    """One row per shot of each batch, with its own columns and those that a batch shares.

    ``_flown``: PK of the table that the dynamics made; ``_owner``: the campaign, or minus that table if there is none.

    :param shared: names of ``facts``; extra: columns that are read from the batches' files.
    """
    query = orm.QueryBuilder().append(
        ShotsData, filters=among(batch.pk for batch in batches), project=["id", "attributes.n_shots", _TEXT]
    )
    held = {pk: (n_shots, text) for pk, n_shots, text in query.all()}
    texts, read = [], {}
    for batch in batches:
        text = held[batch.pk][1] or ""
        known = text.startswith(HEAD)  # else it is of another version, or there is none
        if extra or not known:
            read[batch.pk] = orm.load_node(batch.pk).arrays()
        texts.append(text if known else to_text(read[batch.pk]))
    table = from_texts(texts)
    times = np.array([held[batch.pk][0] for batch in batches], dtype=np.int64)
    data: dict[str, Any] = {}
    for name in shared:
        data[name] = pd.Series([facts[batch.pk][name] for batch in batches], dtype=_kind(name)).repeat(times).array
    for name in extra:
        parts = [read[batch.pk][name] for batch in batches]
        data[name] = np.concatenate(parts) if parts else np.empty(0)
    data["_flown"] = np.repeat(np.array([batch.flown for batch in batches], dtype=np.int64), times)
    owners = [batch.campaign or -batch.flown for batch in batches]
    data["_owner"] = np.repeat(np.array(owners, dtype=np.int64), times)
    return table.assign(**data)


_TEXT: Final = "attributes.per_shot"


def _kind(name: str) -> Any:
    if name in _MAYBE_WHOLE:
        return "Int64"
    if name == "batch":
        return np.int64
    if name == "temperature":
        return np.float64
    return pd.DatetimeTZDtype("us", "UTC") if name == "created" else object
