"""Points in time as people write them."""

from __future__ import annotations

import re
from datetime import datetime, timedelta

from ..contract.errors import RefusedError

_AGE = re.compile(r"(?P<n>\d{1,5})\s*(?P<unit>[hdw])")
_UNITS = {"h": "hours", "d": "days", "w": "weeks"}


def moment(text: str | datetime | None, what: str) -> datetime | None:
    """The time that is meant: a datetime, ISO text, or an age (``12h``, ``7d``, ``4w``); without a zone, local time.

    :raises RefusedError: naming ``what``, when it is none of these.
    """
    if text is None:
        return None
    if isinstance(text, datetime):
        return text.astimezone()
    if (match := _AGE.fullmatch(text.strip())) is not None:
        return datetime.now().astimezone() - timedelta(**{_UNITS[match["unit"]]: int(match["n"])})
    try:
        return datetime.fromisoformat(text.strip()).astimezone()
    except ValueError as error:
        raise RefusedError(f"{what}: {text!r} is no time; write 2026-05-01, 2026-05-01T12:00 or an age, 7d.") from error
