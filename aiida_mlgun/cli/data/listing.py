"""The list command that the three data groups share."""

from __future__ import annotations

from typing import Any

from aiida import orm
from aiida.cmdline.utils import echo
from aiida.cmdline.utils.common import format_local_time
from tabulate import tabulate


def print_list(kind: type[orm.Data], columns: dict[str, str], past_days: int | None, limit: int | None) -> None:
    """Print PK, time, label and the attributes ``columns`` (heading → attribute), newest last."""
    from datetime import timedelta

    from aiida.common import timezone

    filters: dict[str, Any] = {}
    if past_days is not None:
        filters["ctime"] = {">": timezone.now() - timedelta(days=past_days)}
    query = orm.QueryBuilder().append(
        kind, filters=filters, project=["id", "ctime", "label", *(f"attributes.{name}" for name in columns.values())]
    )
    query.order_by({kind: {"id": "desc"}})
    if limit is not None:
        query.limit(limit)
    rows = [[pk, format_local_time(when), *map(_text, rest)] for pk, when, *rest in query.all()][::-1]
    echo.echo(tabulate(rows, headers=["PK", "created", "label", *columns]))


def _text(value: Any) -> Any:
    if isinstance(value, list):
        return " ".join(map(str, value))
    if isinstance(value, dict):
        return ", ".join(f"{key} {item}" for key, item in value.items())
    return value
